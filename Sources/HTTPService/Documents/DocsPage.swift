/// The OpenAPI document as a page to read, with all that it needs in itself.
enum DocsPage {
    static func html(document: String) -> String {
        // Within a script element only this could end it.
        page.replacing("DOCUMENT", with: document.replacing("<", with: "\\u003c"), maxReplacements: 1)
    }

    private static let page = #"""
        <!doctype html>
        <html lang="en">
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <title>Future Cart: what there is to ask</title>
        <style>
        :root { color-scheme: light dark; --line: #8884; --soft: #8882; font: 16px/1.55 system-ui, sans-serif }
        body { max-width: 62rem; margin: 2rem auto; padding: 0 1rem }
        h1 { margin-bottom: .25rem } h2 { margin: 2.5rem 0 .5rem; border-top: 1px solid var(--line); padding-top: 1.5rem }
        code, pre { font: .9em/1.5 ui-monospace, monospace } pre { overflow: auto; padding: .75rem; background: var(--soft) }
        .path { font-weight: 600 } .verb { display: inline-block; min-width: 3.2rem; font-weight: 700 }
        details { border: 1px solid var(--line); border-radius: .4rem; margin: .5rem 0; padding: .5rem .75rem }
        summary { cursor: pointer } table { border-collapse: collapse; width: 100% }
        td, th { text-align: left; vertical-align: top; padding: .3rem .75rem .3rem 0; border-bottom: 1px solid var(--line) }
        a { color: inherit } .note { opacity: .75 }
        </style>
        <h1></h1>
        <main id="main"></main>
        <script type="application/json" id="document">DOCUMENT</script>
        <script>
        const api = JSON.parse(document.getElementById("document").textContent);
        const main = document.getElementById("main");
        document.querySelector("h1").textContent = api.info.title;
        function add(parent, name, text, attributes = {}) {
          const element = document.createElement(name);
          if (text !== undefined) element.textContent = text;
          for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
          parent.append(element);
          return element;
        }
        const last = path => path.split("/").pop();
        function kind(schema) {
          if (!schema) return "";
          if (schema.$ref) return last(schema.$ref);
          if (schema.anyOf) return schema.anyOf.map(kind).join(" or ");
          if (schema.enum) return schema.enum.length > 8 ? "one of " + schema.enum.length + " names"
            : schema.enum.map(value => JSON.stringify(value)).join(" | ");
          if (schema.type === "array") return "array of " + kind(schema.items);
          let text = [schema.type ?? "any"].flat().join(" or ");
          if (schema.format) text += " (" + schema.format + ")";
          if (schema.minimum !== undefined && schema.maximum !== undefined) text += " " + schema.minimum + " to " + schema.maximum;
          return text;
        }
        function type(cell, schema) {
          const target = schema?.$ref ?? schema?.items?.$ref;
          if (target) add(cell, "a", kind(schema), { href: "#" + last(target) }); else add(cell, "code", kind(schema));
        }
        function members(parent, schema) {
          if (!schema.properties) { type(add(parent, "p"), schema); return; }
          const table = add(parent, "table"), required = new Set(schema.required ?? []);
          for (const [name, member] of Object.entries(schema.properties)) {
            const row = table.insertRow();
            add(row.insertCell(), "code", name + (required.has(name) ? "" : "?"));
            type(row.insertCell(), member);
            const cell = row.insertCell();
            cell.textContent = member.description ?? "";
            const inner = member.properties ? member : member.items?.properties ? member.items : null;
            if (inner) { const box = add(cell, "details"); add(box, "summary", "members"); members(box, inner); }
          }
        }
        add(main, "p", api.info.description);
        for (const [path, operations] of Object.entries(api.paths)) for (const [verb, operation] of Object.entries(operations)) {
          const box = add(main, "details", undefined, { id: operation.operationId }), head = add(box, "summary");
          add(head, "span", verb.toUpperCase(), { class: "verb" });
          add(head, "code", path, { class: "path" });
          add(head, "span", "  " + operation.summary);
          if (operation.description) add(box, "p", operation.description);
          if (operation.parameters) {
            add(box, "h4", "Parameters");
            const table = add(box, "table");
            for (const parameter of operation.parameters) {
              const row = table.insertRow();
              add(row.insertCell(), "code", parameter.name + (parameter.required ? "" : "?"));
              type(row.insertCell(), parameter.schema);
              row.insertCell().textContent = "in the " + parameter.in + ". " + (parameter.schema.description ?? "");
            }
          }
          if (operation.requestBody) {
            add(box, "h4", "Body");
            type(add(box, "p"), operation.requestBody.content["application/json"].schema);
          }
          add(box, "h4", "Answers");
          const table = add(box, "table");
          for (const [status, given] of Object.entries(operation.responses)) {
            const response = given.$ref ? api.components.responses[last(given.$ref)] : given;
            const row = table.insertRow(), [content] = Object.entries(response.content ?? {});
            add(row.insertCell(), "code", status);
            row.insertCell().textContent = response.description;
            const cell = row.insertCell();
            if (content) { type(cell, content[1].schema); add(cell, "div", content[0], { class: "note" }); }
          }
        }
        add(main, "h2", "Schemas");
        for (const [name, schema] of Object.entries(api.components.schemas)) {
          const box = add(main, "details", undefined, { id: name });
          add(box, "summary", name);
          if (schema.description) add(box, "p", schema.description);
          if (schema.anyOf) schema.anyOf.forEach(part => members(box, part)); else members(box, schema);
        }
        function open() {
          const box = document.getElementById(location.hash.slice(1));
          if (box) { box.open = true; box.scrollIntoView(); }
        }
        addEventListener("hashchange", open); open();
        </script>
        </html>
        """#
}
