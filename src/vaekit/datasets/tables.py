"""Small tables that come with scikit-learn, or with a package of their own."""

from typing import Any

from vaekit.errors import MissingExtraError


def penguins() -> Any:
    """Return the 344 penguins of the Palmer archipelago; 19 cells are missing.

    Returns:
        A data frame: species, island, sex (labels), bill length and depth, flipper length (mm),
        body mass (g), year.

    Raises:
        MissingExtraError: The package ``palmerpenguins`` is not installed.

    Source: Horst, Hill & Gorman 2020, "palmerpenguins" (CC0).

    Example:
        >>> penguins()["species"].value_counts().tolist()
        [152, 124, 68]
    """
    try:
        from palmerpenguins import load_penguins
    except ImportError as error:
        raise MissingExtraError(
            "the penguins need palmerpenguins: pip install 'vaekit[tables]'."
        ) from error
    return load_penguins()


def wine() -> Any:
    """178 wines: 13 measurements and the grower, a label.

    Returns:
        A data frame whose last column is ``grower``.

    Raises:
        MissingExtraError: pandas is not installed.

    Source: Forina et al. 1991, "Wine recognition data" (UCI), from scikit-learn.

    Example:
        >>> wine().shape
        (178, 14)
    """
    return _of_scikit("load_wine", "grower", ("A", "B", "C"))


def breast_cancer() -> Any:
    """569 tumours: 30 measurements and whether each is malignant, a label.

    Returns:
        A data frame whose last column is ``diagnosis``.

    Raises:
        MissingExtraError: pandas is not installed.

    Source: Street, Wolberg & Mangasarian 1993, "Breast cancer Wisconsin (diagnostic)" (UCI), from
    scikit-learn.

    Example:
        >>> breast_cancer()["diagnosis"].value_counts().to_dict()
        {'benign': 357, 'malignant': 212}
    """
    return _of_scikit("load_breast_cancer", "diagnosis", ("malignant", "benign"))


def diabetes() -> Any:
    """442 patients: age, sex, body-mass index, blood pressure, six serum values, progression.

    Returns:
        A data frame whose last column is ``progression``, a number.

    Raises:
        MissingExtraError: pandas is not installed.

    Source: Efron et al. 2004, "Least angle regression", from scikit-learn.

    Example:
        >>> diabetes()["progression"].between(25, 346).all()
        np.True_
    """
    return _of_scikit("load_diabetes", "progression", None)


def _of_scikit(loader: str, target: str, names: tuple[str, ...] | None) -> Any:
    import sklearn.datasets

    try:
        import pandas as pd
    except ImportError as error:
        raise MissingExtraError("tables need pandas: pip install 'vaekit[pandas]'.") from error
    options: dict[str, Any] = {"scaled": False} if loader == "load_diabetes" else {}
    bunch = getattr(sklearn.datasets, loader)(as_frame=True, **options)
    labels = bunch.target if names is None else pd.Series([names[i] for i in bunch.target])
    return bunch.data.assign(**{target: labels})
