#include "api/html.h"

namespace joey::api {
namespace {

constexpr std::string_view kStyle = R"css(
:root { color-scheme: light dark; --ink: #1c2733; --faint: #5b6b7b; --paper: #ffffff; --ground: #eef2f6;
        --line: #cfd8e1; --main: #0b5fae; --main-ink: #ffffff; --bad: #b3261e; --good: #1d7a46; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --faint: #9aa8b5; --paper: #18212b; --ground: #0e151c; --line: #33414f;
          --main: #4c9be8; --main-ink: #06121f; --bad: #ff8a80; --good: #6fd19b; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: flex; align-items: center; justify-content: center; padding: 1.5rem;
       background: var(--ground); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 26rem; background: var(--paper); border: 1px solid var(--line);
       border-radius: 12px; padding: 2rem; box-shadow: 0 6px 24px rgb(0 0 0 / 8%); }
.brand { display: flex; align-items: center; gap: .6rem; font-weight: 600; color: var(--faint); margin-bottom: 1.2rem; }
.brand i { width: 1.4rem; height: 1.4rem; border-radius: 6px; background: var(--main); }
h1 { font-size: 1.35rem; line-height: 1.3; margin: 0 0 .8rem; }
p { margin: 0 0 1rem; }
label { display: block; font-weight: 600; margin: 0 0 .3rem; }
input { width: 100%; font: inherit; color: inherit; background: var(--paper); border: 1px solid var(--line);
        border-radius: 8px; padding: .55rem .7rem; margin: 0 0 1rem; }
input:focus-visible, button:focus-visible { outline: 3px solid var(--main); outline-offset: 2px; }
button { font: inherit; font-weight: 600; border: 1px solid var(--main); border-radius: 8px; padding: .6rem 1.1rem;
         cursor: pointer; background: var(--main); color: var(--main-ink); }
button.plain { background: transparent; color: var(--ink); border-color: var(--line); }
.row { display: flex; gap: .8rem; flex-wrap: wrap; }
.faint { color: var(--faint); font-size: .92rem; }
.bad, .good { border-left: 4px solid; padding: .4rem .8rem; margin: 0 0 1rem; }
.bad { border-color: var(--bad); color: var(--bad); }
.good { border-color: var(--good); color: var(--good); }
.code { font: 600 1.7rem/1.2 ui-monospace, monospace; letter-spacing: .12em; text-align: center;
        border: 1px dashed var(--line); border-radius: 8px; padding: .8rem; margin: 0 0 1rem; }
)css";

}  // namespace

std::string Escape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

http::Response Page(std::string_view title, std::string_view body, int status) {
  http::Response response;
  response.status = status;
  response.content_type = "text/html; charset=utf-8";
  response.headers = {
      {"Cache-Control", "no-store"},
      {"Content-Security-Policy",
       "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; "
       "frame-ancestors 'none'"},
      {"X-Frame-Options", "DENY"},
      // Not no-referrer: browsers would then send 'Origin: null' with forms, which is refused.
      {"Referrer-Policy", "same-origin"}};
  const std::string heading = Escape(title);
  std::string& out = response.body;
  out += "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>";
  out += heading;
  out +=
      " · Joey</title><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
      "<link rel=\"stylesheet\" href=\"";
  out += kStylePath;
  out += "\"></head><body><main><div class=\"brand\"><i></i>Joey</div><h1>";
  out += heading;
  out += "</h1>\n";
  out += body;
  out += "\n</main></body></html>\n";
  return response;
}

http::Response StyleSheet() {
  http::Response response = http::Response::Text(std::string(kStyle));
  response.content_type = "text/css; charset=utf-8";
  response.headers.emplace_back("Cache-Control", "max-age=3600");
  return response;
}

}  // namespace joey::api
