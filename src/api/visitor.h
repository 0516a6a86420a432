// Who looks at a sign-in page: the browser's session, and the proof that a form came from a page of
// ours.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "api/forms.h"
#include "auth/sessions.h"
#include "http/message.h"

namespace joey::api {

class Visitor {
 public:
  static Result<Visitor> Of(auth::Sessions& sessions, const Site& site,
                            const http::Request& request);

  // Of a browser that is signed in.
  const std::optional<auth::Session>& session() const { return session_; }

  // A hidden field for forms on a page. Another site cannot know it: it comes from a cookie that
  // only this server reads, and which leaves with the page (Finish()).
  std::string FormField() const;
  bool FormIsOurs(const Form& form) const;

  void SignedIn(const auth::NewSession& session);
  void SignedOut();
  // Adds the cookies that changed.
  http::Response Finish(http::Response response) const;

 private:
  std::string Token() const;

  bool secure_ = false;
  std::optional<auth::Session> session_;
  std::string session_cookie_;
  std::string form_cookie_;
  bool new_session_ = false;
  bool new_form_ = false;
};

}  // namespace joey::api
