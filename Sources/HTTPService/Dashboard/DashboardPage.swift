/// The page for people, whole: it loads nothing but what this server answers.
enum DashboardPage {
    static let html = #"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Future Cart</title>
        <style>
        :root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
        body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem }
        table { border-collapse: collapse; width: 100% }
        td, th { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid #8884 }
        td:nth-child(n+2) { font-variant-numeric: tabular-nums }
        input { font: inherit; padding: .25rem .5rem }
        </style>
        <h1>Future Cart</h1>
        <p id="state" role="status">Asking the worker…</p>
        <p id="login" hidden><label>Token <input id="token" type="password" autocomplete="off"></label></p>
        <table id="counters"></table>
        <p><a href="/docs">What else there is to ask</a></p>
        <script>
        const state = document.getElementById("state"), table = document.getElementById("counters");
        const token = document.getElementById("token");
        async function look() {
          try {
            const headers = token.value ? { Authorization: "Bearer " + token.value } : {};
            const answer = await fetch("/v1/status", { headers });
            document.getElementById("login").hidden = answer.status !== 401;
            const status = await answer.json();
            if (!answer.ok) { state.textContent = status.title; return; }
            state.textContent = (status.ready ? "Ready" : "Not ready") + ", model " + status.model_version;
            table.replaceChildren(...Object.entries(status.counters).map(([name, value]) => {
              const row = document.createElement("tr");
              for (const text of [name.replaceAll("_", " "), value.toLocaleString()]) {
                row.insertCell().textContent = text;
              }
              return row;
            }));
          } catch { state.textContent = "The worker does not answer"; }
        }
        look(); setInterval(look, 2000);
        </script>
        </html>
        """#
}
