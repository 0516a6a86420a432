pytest_plugins = ["joey_fixtures"]
