"""How good a configuration may be: models of trial values, and their pair interactions exactly."""
