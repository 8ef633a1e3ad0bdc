"""How `make docs` builds these pages: offline, with every warning an error."""

from __future__ import annotations

import sys
from importlib.metadata import metadata
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

_about = metadata("qhpo")

project = "qhpo"
author = "The qhpo team"
project_copyright = "The qhpo team"
release = version = _about["Version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "page_parts", "mathml"]
exclude_patterns = ["measurements/*.md"]
"""Tables of the benchmark: a page takes them in, they are none of their own."""

html_theme = "furo"
html_title = f"qhpo {release}"
html_math_renderer = "mathml"
html_show_sourcelink = False

myst_enable_extensions = ["dollarmath", "deflist"]
myst_heading_anchors = 3

# A single backtick in our docstrings is code, as in Markdown.
default_role = "literal"
autodoc_inherit_docstrings = False  # Optuna's hooks are documented by Optuna
autodoc_mock_imports = [] if find_spec("ray") else ["ray"]  # 0.4 GB for one page
autodoc_member_order = "bysource"
# scikit-learn makes these methods, with references into its own pages.
autodoc_default_options = {
    "exclude-members": "set_fit_request, set_score_request, set_transform_request"
}
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
napoleon_use_ivar = True
