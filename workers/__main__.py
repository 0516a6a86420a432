"""Entry of every worker: `python workers KIND`."""

import sys

if __name__ == "__main__":
    kind = sys.argv[1] if len(sys.argv) > 1 else ""
    if kind == "step":
        from joey_worker.step import main
    elif kind == "model":
        from joey_worker.model import main
    elif kind == "convert":
        from joey_worker.convert import main
    else:
        sys.exit(f"unknown kind of worker: {kind!r}")
    main()
