"""Pickle and joblib files. Loading one runs what it says: only ever in a sandboxed worker."""

import re
import warnings

from joey_worker.failure import StepError


def unpickle(file, library):
    """(object, notes). StepError of kind "load" where `library` cannot load it: another version may."""
    import joblib

    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            with file.open() as stream:
                thing = joblib.load(stream)
        except MemoryError:
            raise
        except Exception as error:
            raise StepError(
                f"the file cannot be loaded with {library}: {type(error).__name__}: {error}",
                "upload a pickle or joblib file of a fitted model, made with a version that joey has",
                "load",
            ) from error
    made_with = set()
    for warning in said:
        found = re.search(r"unpickle estimator \w+ from version (\S+) when", str(warning.message))
        if found:
            made_with.add(found.group(1))
    return thing, tuple(f"made with scikit-learn {version}" for version in sorted(made_with))
