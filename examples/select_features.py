"""Eight of thirty features by annealing, inside a scikit-learn pipeline, against SelectKBest.

SelectKBest ranks features one by one, and so takes several that say the same. The annealed choice
weighs what each tells about the class against what it repeats of the others. Run it with:
python examples/select_features.py.
"""

from sklearn.datasets import load_breast_cancer
from sklearn.feature_selection import SelectKBest, mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from qhpo_problems.formulations.feature_selection import AnnealingFeatureSelector

K = 8


def relevance(X, y):
    return mutual_info_classif(X, y, random_state=0)


def main() -> None:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0)
    for name, selector in (
        ("SelectKBest", SelectKBest(relevance, k=K)),
        ("annealed", AnnealingFeatureSelector(K, random_state=0)),
    ):
        model = make_pipeline(
            selector.set_output(transform="pandas"), StandardScaler(), LogisticRegression()
        )
        # The selection is a step of the pipeline: it never sees the fold that it is judged by.
        accuracy = cross_val_score(model, X, y, cv=folds)
        chosen = model.fit(X, y)[0].get_feature_names_out()
        correlations = X[chosen].corr().abs().to_numpy()
        others = (correlations.sum() - K) / (K * (K - 1))
        print(f"{name}: accuracy {accuracy.mean():.3f} ± {accuracy.std():.3f} over the folds")
        print(f"  mean correlation of two of the chosen: {others:.2f}")
        print("  " + ", ".join(chosen))


if __name__ == "__main__":
    main()
