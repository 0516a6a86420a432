"""The two tables as Markdown. Every section says itself on which machine and commit it was measured."""

KINDS = ["json", "json, outputs only", "arrow", "arrow, outputs only"]


def _where(section):
    facts = section["machine"]
    return (
        f"{facts['cpu']}, {facts['cores']} cores shared with the load generator, {facts['memory_gib']} GiB, "
        f"Linux {facts['kernel']}; {facts['time']}, commit {facts['commit']}."
    )


def _rate(value):
    return f"{value / 1000:.1f}k"


def comparison(section):
    runtime = section["runtime"]
    connections = list(next(iter(section["servers"].values()))["one_row"])
    lines = [
        "# Joey beside its peers",
        "",
        _where(section),
        f"Model `{section['model']}`, 29 floats to 1. "
        f"ONNX Runtime {section['machine']['onnxruntime']} alone, "
        f"from Python: {runtime['one row']['p50_us']:.1f} µs for one row "
        f"(p99 {runtime['one row']['p99_us']:.1f}), "
        f"{runtime['many rows']['p50_us'] / 1000:.2f} ms for 10,000 rows on one thread.",
        f"Medians of {section['rounds']} rounds in which all servers took turns; slowest spin loop "
        f"{section['quiet']:.0%} of the fastest (below 90 %: the machine was busy with something else).",
        *(f"Left out: {name} ({reason})." for name, reason in section["left_out"].items()),
        "",
        "## One row as JSON",
        "",
        "| server | "
        + " | ".join(f"{c} conn: req/s, p50, p99 µs" for c in connections)
        + " | CPU µs/req (8 conn) | RSS MB idle → loaded |",
        "|---|" + "---|" * (len(connections) + 2),
    ]
    for name, result in section["servers"].items():
        cells = [
            f"{_rate(f['rps'])}, {f['p50_us']:.0f}, {f['p99_us']:.0f}" for f in result["one_row"].values()
        ]
        cells.append(f"{result['one_row']['8']['cpu_us']:.0f}")
        cells.append(f"{result['idle_rss_mb']:.0f} → {result['loaded_rss_mb']:.0f}")
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "## 10,000 × 29 rows in one request, median ms (CPU ms of the server)",
        "",
        "| server | " + " | ".join(KINDS) + " |",
        "|---|" + "---|" * len(KINDS),
    ]
    for name, result in section["servers"].items():
        found = result["many_rows"]
        if not result["echoes_inputs"]:
            found = {f"{kind}, outputs only": figures for kind, figures in found.items()}
        cells = [
            f"{found[kind]['median_ms']:.2f} ({found[kind]['cpu_ms']:.2f})" if kind in found else ""
            for kind in KINDS
        ]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "Arrow: Arrow IPC file in and out; Triton: its binary tensors. Answers hold the inputs too unless",
        "the column says outputs only; Triton and MLServer never send them back. CPU: user and system time",
        "of the server and all its child processes; with logs on that includes shipping and storing every",
        "row. RSS: the serving processes, for the gateway `joey serve` alone.",
        "",
    ]
    return "\n".join(lines)


def pipelines(section):
    lines = [
        "# What pipelines cost",
        "",
        _where(section),
        "Asked at the engine, logs on. One row: CPU µs of the engine and its Python workers for a request,",
        "8 connections. Others: ms from sending a request to having its answer, one connection. The floor is",
        "the same work in one process without a server; the rest is what was measured above it.",
        "",
        "| pipeline | request | req/s | measured | floor | rest | reading | steps above the floor "
        "| transport, log, answer | floor: |",
        "|---|" + "---|" * 9,
    ]
    for row in section["rows"]:
        if "skipped" in row:
            lines.append(f"| {row['pipeline']} | skipped: {row['skipped'].replace('|', '/')} |" + " |" * 8)
        for kind, found in row["requests"].items():
            rest = found["measured"] - found["floor"]
            above = found["steps"] - found["floor"]
            digits = 1 if found["unit"] == "µs CPU" else 2
            figures = [found["floor"], rest, found["parse"], above, rest - found["parse"] - above]
            cells = [
                row["pipeline"],
                kind,
                _rate(found["rps"]) if "rps" in found else "",
                f"{found['measured']:.{digits}f} {found['unit']}",
                *(f"{value:.{digits}f}" for value in figures),
                row["floor"],
            ]
            lines.append("| " + " | ".join(cells) + " |")
    lines += [
        "",
        "Reading and steps are the engine's own `metadata.elapsed`, of further requests over one connection;",
        "transport, log and answer are what is left. The floor of ONNX Runtime is one thread for one row,",
        "the better of one and all threads for large requests.",
        "",
    ]
    return "\n".join(lines)
