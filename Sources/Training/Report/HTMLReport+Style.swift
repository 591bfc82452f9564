extension HTMLReport {
    /// The page's style sheet, for light and dark.
    static let style = """
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #5b6675; --paper: #fff; --edge: #dde2e9; --wash: #f5f7fa;
          --c1: #2166c4; --c2: #d1662a; --c3: #2d8a57; --c4: #9aa4b2; --good: #1f7a45; --bad: #b3261e; --warn: #8a5b00; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e6eaf0; --soft: #9aa6b5; --paper: #12161c; --edge: #2c3440;
          --wash: #1a2029; --c1: #6ea8fe; --c2: #f0985e; --c3: #63c28d; --c4: #6b7686; --good: #63c28d; --bad: #ff8a80;
          --warn: #e5b567; } }
        * { box-sizing: border-box; }
        body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); }
        header, main { max-width: 72rem; margin: 0 auto; padding: 1rem 1.25rem; }
        header { border-left: 6px solid var(--good); margin-top: 1.25rem; background: var(--wash); }
        header.bad { border-color: var(--bad); }
        h1 { font-size: 1.35rem; margin: 0; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
        h3 { font-size: 1rem; margin: 1.25rem 0 .35rem; }
        header p { margin: .35rem 0 0; color: var(--soft); }
        .scroll { overflow-x: auto; }
        table { border-collapse: collapse; width: 100%; font-size: .9rem; }
        th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--edge); vertical-align: top; }
        th { color: var(--soft); font-weight: 600; } .n { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
        small { color: var(--soft); } code { font-size: .85em; } b.good { color: var(--good); } b.bad { color: var(--bad); }
        b.warn { color: var(--warn); }
        .grid2 { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(20rem, 100%), 1fr)); gap: 1rem; }
        figure { margin: 0; border: 1px solid var(--edge); border-radius: 6px; padding: .6rem; min-width: 0; }
        figcaption { font-weight: 600; font-size: .9rem; } svg { width: 100%; height: auto; display: block; }
        .grid { stroke: var(--edge); stroke-width: 1; } .tick, .axis { fill: var(--soft); font-size: 11px; }
        polyline { fill: none; stroke-width: 2; } .dashed { stroke-dasharray: 4 4; stroke-width: 1; }
        .l1 { stroke: var(--c1); } .l2 { stroke: var(--c2); } .l3 { stroke: var(--c3); } .l4 { stroke: var(--c4); }
        .s1 { fill: var(--c1); } .s2 { fill: var(--c2); } .s3 { fill: var(--c3); } .s4 { fill: var(--c4); }
        .legend { margin: .25rem 0 0; font-size: .8rem; color: var(--soft); } .legend span { margin-right: 1rem; }
        .legend i { display: inline-block; width: .8em; height: .8em; border-radius: 2px; margin-right: .35em; }
        .k1 { background: var(--c1); } .k2 { background: var(--c2); } .k3 { background: var(--c3); } .k4 { background: var(--c4); }
        @media (max-width: 40rem) { .n { white-space: normal; } .bar { min-width: 4rem !important; } }
        .bar { min-width: 8rem; padding-top: .35rem; } .bar i { display: block; height: .7rem; background: var(--c1); border-radius: 2px; }
        """
}
