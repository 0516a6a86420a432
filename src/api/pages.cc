// The pages of sign-in. Every text from outside goes through Escape(); every form is checked by
// Visitor::FormIsOurs(); nobody is sent to an address that came with a request.
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include "api/html.h"
#include "api/identity.h"
#include "api/visitor.h"
#include "auth/limits.h"
#include "base/clock.h"
#include "base/sha256.h"

namespace joey::api {
namespace {

constexpr std::string_view kAccountPath = "/auth/account";

std::string Path(std::string_view below) { return std::string(kRealmPath) + std::string(below); }

http::Response SeeOther(const std::string& path) {
  http::Response response;
  response.status = 303;
  response.content_type.clear();
  response.headers = {{"Location", path}, {"Cache-Control", "no-store"}};
  return response;
}

std::string Bad(std::string_view text) {
  return text.empty() ? "" : fmt::format("<p class=\"bad\" role=\"alert\">{}</p>", Escape(text));
}

std::string PasswordField(std::string_view name, std::string_view label, bool fresh) {
  return fmt::format(
      "<label for=\"{0}\">{1}</label><input id=\"{0}\" name=\"{0}\" type=\"password\" "
      "autocomplete=\"{2}\" maxlength=\"{3}\" required>",
      name, label, fresh ? "new-password" : "current-password", auth::kPasswordBytesMax);
}

http::Response Failure(const Status& status) {
  if (HttpStatus(status.code()) < 500) {
    return Page("That did not work", Bad(status.message()), HttpStatus(status.code()));
  }
  spdlog::error("sign-in page: {}", status.ToString());
  return Page("That did not work", Bad("The server could not do that. Its log says why."), 500);
}

// A form whose page is not ours, too old, or of before the sign-in.
http::Response StaleForm() {
  return Page(
      "This page is out of date",
      "<p>Go back, load the page again and repeat what you did. Cookies must be allowed for "
      "this site.</p>",
      403);
}

// One request of one visitor.
class PageRequest {
 public:
  PageRequest(const Identity& identity, const http::Request& request, Visitor visitor)
      : identity_(identity), request_(request), visitor_(std::move(visitor)) {}

  http::Response ShowDevice() {
    const std::string code = QueryValue(request_, "user_code");
    if (!visitor_.session()) return SignInPage(code, "", "");
    if (code.empty()) return CodePage("");
    return ConfirmPage(code);
  }

  http::Response DecideDevice(const Form& form) {
    const std::string& code = form["user_code"];
    if (!visitor_.session()) return SignInPage(code, "", "");
    const bool approve = form["decision"] == "allow";
    const Result<bool> decided = identity_.devices.Decide(code, approve, visitor_.session()->user);
    if (!decided.ok()) return Failure(decided.status());
    if (!*decided) return CodePage("This code is unknown, used or expired.");
    if (!approve) {
      return Page("Sign-in refused",
                  "<p>The program gets no access. You may close this window.</p>");
    }
    return Page("Device connected",
                fmt::format("<p class=\"good\">The program is signed in as <b>{}</b>.</p>"
                            "<p>You may close this window and go back to it.</p>",
                            Escape(visitor_.session()->user.email)));
  }

  http::Response ShowSignIn() {
    if (visitor_.session()) return SeeOther(std::string(kAccountPath));
    return SignInPage(QueryValue(request_, "user_code"), "", "");
  }

  http::Response DoSignIn(const Form& form) {
    const std::string& login = form["login"];
    const std::string& code = form["user_code"];
    const auto answer = identity_.sign_in.CheckPassword(login, form["password"],
                                                        ClientAddress(identity_.site, request_));
    if (!answer.ok()) return Failure(answer.status());
    if (answer->wait_seconds > 0) {
      http::Response page = SignInPage(
          code, login,
          fmt::format("Too many failed sign-ins. Try again in {} s.", answer->wait_seconds), 429);
      page.headers.emplace_back("Retry-After", std::to_string(answer->wait_seconds));
      return page;
    }
    if (!answer->user) return SignInPage(code, login, "Wrong email or password.", 403);
    return Enter(*answer->user, code.empty() ? std::string(kAccountPath)
                                             : Path("/device?user_code=") + Letters(code));
  }

  http::Response ShowAccount() {
    if (!visitor_.session()) return SignInPage("", "", "");
    return AccountPage("", false);
  }

  http::Response ChangePassword(const Form& form) {
    if (!visitor_.session()) return SignInPage("", "", "");
    const control::User& user = visitor_.session()->user;
    if (form["password"] != form["again"]) {
      return AccountPage("The two new passwords differ.", false, 400);
    }
    const auto answer = identity_.sign_in.CheckPassword(user.email, form["current"],
                                                        ClientAddress(identity_.site, request_));
    if (!answer.ok()) return Failure(answer.status());
    if (answer->wait_seconds > 0 || !answer->user) {
      return AccountPage("The current password is wrong, or there were too many tries.", false,
                         403);
    }
    const Status changed =
        identity_.users.SetPassword(user.id, form["password"], visitor_.session()->id);
    if (!changed.ok()) return AccountPage(changed.ToString(), false, HttpStatus(changed.code()));
    return AccountPage("The password is changed; other sign-ins have ended.", true);
  }

  http::Response SignOut(const Form&) {
    if (visitor_.session()) {
      const Status ended = identity_.sessions.End(visitor_.session()->id);
      if (!ended.ok()) return Failure(ended);
    }
    visitor_.SignedOut();
    return SeeOther(Path("/sign-in"));
  }

  http::Response ShowSetup() {
    const std::string code = QueryValue(request_, "code");
    if (!SetupCodeFits(code)) return SetupClosed();
    const Result<bool> has = identity_.users.HasAdministrator();
    if (!has.ok()) return Failure(has.status());
    return *has ? SetupClosed() : SetupPage(code, "", "");
  }

  http::Response DoSetup(const Form& form) {
    const std::string& code = form["code"];
    if (!SetupCodeFits(code)) return SetupClosed();
    if (form["password"] != form["again"]) {
      return SetupPage(code, form["email"], "The two passwords differ.", 400);
    }
    auth::NewUser user;
    user.email = form["email"];
    user.password = form["password"];
    if (user.password.empty()) return SetupPage(code, user.email, "The password is empty.", 400);
    const auto made = identity_.users.CreateFirstAdministrator(user);
    if (made.status().code() == Code::kFailedPrecondition) return SetupClosed();
    if (!made.ok()) {
      return SetupPage(code, user.email, made.status().ToString(),
                       HttpStatus(made.status().code()));
    }
    spdlog::info("{} is the first administrator", made->user.email);
    return Enter(made->user, std::string(kAccountPath));
  }

  http::Response Finish(http::Response response) const {
    return visitor_.Finish(std::move(response));
  }
  const Visitor& visitor() const { return visitor_; }

 private:
  // What may stand in a URL of ours.
  static std::string Letters(std::string_view code) {
    std::string out;
    for (const char c : code.substr(0, 32)) {
      const bool letter = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-';
      if (letter) out += c;
    }
    return out;
  }

  http::Response Enter(const control::User& user, const std::string& path) {
    const auto session = identity_.sessions.Create(user, auth::Sessions::Kind::kBrowser);
    if (!session.ok()) return Failure(session.status());
    visitor_.SignedIn(*session);
    return SeeOther(path);
  }

  http::Response SignInPage(std::string_view user_code, std::string_view login,
                            std::string_view error, int status = 200) const {
    const std::string hint =
        user_code.empty()
            ? ""
            : fmt::format("<p class=\"faint\">Then you confirm the code <b>{}</b>.</p>",
                          Escape(user_code.substr(0, 32)));
    return Page(
        "Sign in",
        fmt::format("{}{}<form method=\"post\" action=\"{}\">{}"
                    "<input type=\"hidden\" name=\"user_code\" value=\"{}\">"
                    "<label for=\"login\">Email or username</label>"
                    "<input id=\"login\" name=\"login\" value=\"{}\" autocomplete=\"username\" "
                    "maxlength=\"{}\" required autofocus>{}"
                    "<button>Sign in</button></form>",
                    Bad(error), hint, Path("/sign-in"), visitor_.FormField(),
                    Escape(user_code.substr(0, 32)), Escape(login), auth::kEmailBytesMax,
                    PasswordField("password", "Password", false)),
        status);
  }

  http::Response CodePage(std::string_view error) const {
    return Page(
        "Connect a device",
        fmt::format("{}<p>Enter the code that your program shows.</p>"
                    "<form method=\"get\" action=\"{}\"><label for=\"user_code\">Code</label>"
                    "<input id=\"user_code\" name=\"user_code\" placeholder=\"ABCD-EFGH\" "
                    "autocomplete=\"off\" maxlength=\"9\" required autofocus>"
                    "<button>Go on</button></form>",
                    Bad(error), Path("/device")),
        error.empty() ? 200 : 404);
  }

  http::Response ConfirmPage(const std::string& code) const {
    const auto grant = identity_.devices.Find(code);
    if (!grant.ok()) return Failure(grant.status());
    if (!*grant) return CodePage("This code is unknown, used or expired.");
    const std::int64_t seconds = (NowMicros() - (*grant)->created_at) / 1000000;
    return Page(
        "Connect this device?",
        fmt::format(
            "<p>A program at <b>{}</b> asked {} ago to act as <b>{}</b>.</p>"
            "<p class=\"code\">{}</p>"
            "<p class=\"faint\">Allow it only if you started it yourself and it shows this "
            "code.</p>"
            "<form method=\"post\" action=\"{}\">{}"
            "<input type=\"hidden\" name=\"user_code\" value=\"{}\"><div class=\"row\">"
            "<button name=\"decision\" value=\"allow\">Allow</button>"
            "<button class=\"plain\" name=\"decision\" value=\"refuse\">Refuse</button>"
            "</div></form>",
            Escape((*grant)->address),
            seconds < 60 ? fmt::format("{} s", seconds) : fmt::format("{} min", seconds / 60),
            Escape(visitor_.session()->user.email), Escape((*grant)->user_code), Path("/device"),
            visitor_.FormField(), Escape((*grant)->user_code)));
  }

  http::Response AccountPage(std::string_view message, bool good, int status = 200) const {
    const control::User& user = visitor_.session()->user;
    const std::string note =
        good ? fmt::format("<p class=\"good\" role=\"status\">{}</p>", Escape(message))
             : Bad(message);
    return Page("Your account",
                fmt::format("{}<p>Signed in as <b>{}</b>{}.</p>"
                            "<form method=\"post\" action=\"{}/password\">{}{}{}{}"
                            "<button>Change password</button></form>"
                            "<p></p><form method=\"post\" action=\"{}\">{}"
                            "<button class=\"plain\">Sign out</button></form>",
                            note, Escape(user.email), user.administrator ? ", administrator" : "",
                            kAccountPath, visitor_.FormField(),
                            PasswordField("current", "Current password", false),
                            PasswordField("password", "New password", true),
                            PasswordField("again", "The same again", true), Path("/sign-out"),
                            visitor_.FormField()),
                status);
  }

  bool SetupCodeFits(const std::string& code) const {
    return !identity_.setup_code.empty() && code.size() == identity_.setup_code.size() &&
           CRYPTO_memcmp(code.data(), identity_.setup_code.data(), code.size()) == 0;
  }

  static http::Response SetupClosed() {
    return Page("This link does not work",
                "<p>It is wrong, or this server has an administrator already. After each start "
                "without one, joey serve prints a new link.</p>",
                403);
  }

  http::Response SetupPage(const std::string& code, std::string_view email, std::string_view error,
                           int status = 200) const {
    return Page(
        "Create the first administrator",
        fmt::format("{}<p>This user may do everything on this server, also invite others.</p>"
                    "<form method=\"post\" action=\"{}\">{}"
                    "<input type=\"hidden\" name=\"code\" value=\"{}\">"
                    "<label for=\"email\">Email</label><input id=\"email\" name=\"email\" "
                    "type=\"email\" value=\"{}\" autocomplete=\"username\" maxlength=\"{}\" "
                    "required autofocus>{}{}<button>Create</button></form>",
                    Bad(error), kSetupPath, visitor_.FormField(), Escape(code), Escape(email),
                    auth::kEmailBytesMax, PasswordField("password", "Password", true),
                    PasswordField("again", "The same again", true)),
        status);
  }

  const Identity& identity_;
  const http::Request& request_;
  Visitor visitor_;
};

using Show = http::Response (PageRequest::*)();
using Do = http::Response (PageRequest::*)(const Form&);

Endpoint BaseOf(const char* method, std::string path, const char* summary) {
  return {.method = method,
          .path = std::move(path),
          .access = Access::Anybody(),
          .family = "sign-in",
          .summary = summary,
          .content_type = "application/x-www-form-urlencoded"};
}

Endpoint Get(const Identity& identity, std::string path, const char* summary, Show show) {
  Endpoint endpoint = BaseOf("GET", std::move(path), summary);
  endpoint.raw = [identity, show](http::Request& request, const control::User&) {
    Result<Visitor> visitor = Visitor::Of(identity.sessions, identity.site, request);
    if (!visitor.ok()) return Failure(visitor.status());
    PageRequest page(identity, request, std::move(*visitor));
    return page.Finish((page.*show)());
  };
  return endpoint;
}

Endpoint Post(const Identity& identity, std::string path, const char* summary, Do act) {
  Endpoint endpoint = BaseOf("POST", std::move(path), summary);
  endpoint.raw = [identity, act](http::Request& request, const control::User&) {
    const Result<Form> form = Form::Of(request);
    if (!form.ok()) return Failure(form.status());
    Result<Visitor> visitor = Visitor::Of(identity.sessions, identity.site, request);
    if (!visitor.ok()) return Failure(visitor.status());
    PageRequest page(identity, request, std::move(*visitor));
    if (!page.visitor().FormIsOurs(*form)) return page.Finish(StaleForm());
    return page.Finish((page.*act)(*form));
  };
  return endpoint;
}

}  // namespace

Endpoints PageEndpoints(const Identity& identity) {
  Endpoints out;
  out.push_back(Get(identity, Path("/device"), "Page: confirm a device", &PageRequest::ShowDevice));
  out.push_back(
      Post(identity, Path("/device"), "Form: allow or refuse", &PageRequest::DecideDevice));
  out.push_back(Get(identity, Path("/sign-in"), "Page: sign in", &PageRequest::ShowSignIn));
  out.push_back(Post(identity, Path("/sign-in"), "Form: sign in", &PageRequest::DoSignIn));
  out.push_back(Post(identity, Path("/sign-out"), "Form: sign out", &PageRequest::SignOut));
  const std::string account(kAccountPath);
  out.push_back(
      Get(identity, account, "Page: the account of who is signed in", &PageRequest::ShowAccount));
  out.push_back(Post(identity, account + "/password", "Form: change the password",
                     &PageRequest::ChangePassword));
  const std::string setup(kSetupPath);
  out.push_back(Get(identity, setup, "Page: the first administrator", &PageRequest::ShowSetup));
  out.push_back(Post(identity, setup, "Form: the first administrator", &PageRequest::DoSetup));
  Endpoint style = BaseOf("GET", std::string(kStylePath), "The style sheet of the pages");
  style.raw = [](http::Request&, const control::User&) { return StyleSheet(); };
  out.push_back(std::move(style));
  return out;
}

}  // namespace joey::api
