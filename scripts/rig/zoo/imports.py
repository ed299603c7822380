"""Imports all of the standard library that can be imported without doing something."""

import importlib
import pkgutil
import sys
import warnings

# These open a browser, print, or run.
ACTIVE = {"antigravity", "this", "__phello__", "idlelib", "turtledemo"}

warnings.simplefilter("ignore")
names = sorted(sys.stdlib_module_names - ACTIVE)
for package in ("asyncio", "concurrent", "email", "encodings", "html", "http", "json", "logging", "urllib", "xml"):
    path = importlib.import_module(package).__path__
    names += sorted(f"{package}.{module.name}" for module in pkgutil.iter_modules(path))

imported = 0
for name in names:
    try:
        importlib.import_module(name)
        imported += 1
    except ImportError:
        pass  # another system's, or of a package that is not in the image

print(imported, "modules imported")
sys.exit(0 if imported > 150 else 1)
