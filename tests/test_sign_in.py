"""Joey as an OpenID Connect provider: tokens, pages, and attacks on both (RELIABILITY 29-31)."""

import base64
import concurrent.futures
import json
import sqlite3

import httpx
import pytest
from harness import unique, wait_until
from identity import DEVICE, DEVICE_GRANT, PASSWORD, REALM, TOKEN, Browser


def claims(token):
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def change(identity, sql, *values):
    """Changes the database behind the server's back, as time would."""
    with sqlite3.connect(identity.server.data / "joey.db", timeout=30) as database:
        database.execute(sql, values)
    database.close()


def works(identity, token):
    headers = {"Authorization": f"Bearer {token}"}
    answer = identity.http.post("/v1/api/workspaces/current", json={}, headers=headers)
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def test_password_grant_and_refresh(identity):
    ann = identity.user("--username", "ann")
    tokens = identity.tokens(ann)
    assert tokens["expires_in"] > 10 and tokens["refresh_expires_in"] > tokens["expires_in"]
    said = claims(tokens["access_token"])
    assert said["email"] == ann and said["preferred_username"] == "ann" and said["sub"]
    assert said["iss"] == identity.url + REALM
    assert works(identity, tokens["access_token"])
    assert claims(identity.tokens("ann")["access_token"])["sub"] == said["sub"]
    # Clients redeem a refresh token more than once.
    for _ in range(2):
        again = identity.post(TOKEN, grant_type="refresh_token", refresh_token=tokens["refresh_token"]).json()
        assert again["refresh_token"] == tokens["refresh_token"]
        assert works(identity, again["access_token"])
    # A refresh token is no access token, and the other way round.
    assert not works(identity, tokens["refresh_token"])
    swapped = identity.post(TOKEN, grant_type="refresh_token", refresh_token=tokens["access_token"])
    assert swapped.status_code == 400 and swapped.json()["error"] == "invalid_grant"
    # It outlives a restart, as the key does.
    identity.server.restart()
    assert works(identity, tokens["access_token"])
    gone = identity.post(f"{REALM}/protocol/openid-connect/logout", refresh_token=tokens["refresh_token"])
    assert gone.status_code == 204
    assert not works(identity, tokens["access_token"])
    refused = identity.post(TOKEN, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.status_code == 400


def test_expired_sessions_are_refused(identity):
    tokens = identity.tokens(identity.user())
    assert works(identity, tokens["access_token"])
    change(identity, "UPDATE session SET expires_at = 1")
    wait_until(lambda: not works(identity, tokens["access_token"]), seconds=10)
    refused = identity.post(TOKEN, grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert refused.status_code == 400


def test_discovery_and_keys_verify_with_a_library(identity):
    """What others need to verify our tokens is published and right."""
    jwt = pytest.importorskip("jwt")
    found = identity.http.get(f"{REALM}/.well-known/openid-configuration").json()
    assert found["issuer"] == identity.url + REALM
    for name in ("token_endpoint", "device_authorization_endpoint", "jwks_uri", "userinfo_endpoint"):
        assert found[name].startswith(found["issuer"]), name
    ann = identity.user()
    tokens = identity.http.post(
        found["token_endpoint"],
        data={"client_id": "sdk-client", "grant_type": "password", "username": ann, "password": PASSWORD},
    ).json()
    (key,) = identity.http.get(found["jwks_uri"]).json()["keys"]
    assert "d" not in key
    said = jwt.decode(
        tokens["access_token"],
        jwt.PyJWK(key),
        algorithms=["ES256"],
        audience="joey",
        issuer=found["issuer"],
    )
    assert said["email"] == ann
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    info = identity.http.get(found["userinfo_endpoint"], headers=headers).json()
    assert info == {"sub": said["sub"], "email": ann, "preferred_username": ann}


def test_forged_tokens_are_refused(identity):
    """alg=none, another key, a changed claim, the public key as HMAC secret."""
    jwt = pytest.importorskip("jwt")
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    identity.user("--administrator")
    good = identity.tokens(identity.user())["access_token"]
    (jwk,) = identity.http.get(f"{REALM}/protocol/openid-connect/certs").json()["keys"]
    body = claims(good)
    head, payload, signature = good.split(".")

    def part(document):
        return base64.urlsafe_b64encode(json.dumps(document).encode()).decode().rstrip("=")

    stranger = ec.generate_private_key(ec.SECP256R1())
    public = jwt.PyJWK(jwk).key.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    import hashlib
    import hmac

    confused = f"{part({'alg': 'HS256', 'typ': 'JWT', 'kid': jwk['kid']})}.{payload}"
    mac = base64.urlsafe_b64encode(hmac.new(public, confused.encode(), hashlib.sha256).digest())
    own = {"alg": "ES256", "typ": "JWT", "jwk": jwk}
    forged = {
        "none": f"{part({'alg': 'none', 'kid': jwk['kid']})}.{payload}.",
        "none with signature": f"{part({'alg': 'none', 'kid': jwk['kid']})}.{payload}.{signature}",
        "another key": jwt.encode(body, stranger, algorithm="ES256", headers={"kid": jwk["kid"]}),
        "a key of its own": jwt.encode(body, stranger, algorithm="ES256", headers=own),
        "hmac": f"{confused}.{mac.decode().rstrip('=')}",
        "another user": f"{head}.{part({**body, 'sub': 'x', 'email': 'root@example.com'})}.{signature}",
        "longer": f"{head}.{part({**body, 'exp': body['exp'] + 10**6})}.{signature}",
        "cut": good[:-6],
    }
    assert works(identity, good)
    for name, token in forged.items():
        assert not works(identity, token), name
    assert works(identity, good)


def test_what_is_wrong_with_a_sign_in(identity):
    ann = identity.user()
    wrong = identity.sign_in(ann, "wrong password")
    unknown = identity.sign_in("nobody@example.com")
    empty = identity.sign_in(ann, "")
    # Nothing tells whether there is such a user.
    assert wrong.status_code == unknown.status_code == empty.status_code == 401
    assert wrong.json() == unknown.json() == empty.json()
    assert wrong.json()["error"] == "invalid_grant"
    assert identity.post(TOKEN, grant_type="magic").json()["error"] == "unsupported_grant_type"
    assert identity.post(TOKEN, client_id="other", grant_type="password").status_code == 401
    assert identity.http.post(TOKEN, json={"grant_type": "password"}).status_code == 400
    assert (
        identity.http.get(f"{TOKEN}?grant_type=password&username={ann}&password={PASSWORD}").status_code
        == 405
    )
    # Credentials are not taken from the URL.
    in_url = identity.http.post(f"{TOKEN}?password={PASSWORD}", data={"client_id": "sdk-client",
                                "grant_type": "password", "username": ann})  # fmt: skip
    assert in_url.status_code == 401


def test_guessing_passwords_is_slowed_down(identity):
    ann, bob = identity.user(), identity.user()
    answers = [identity.sign_in(ann, f"guess {i}") for i in range(7)]
    assert [a.status_code for a in answers[:5]] == [401] * 5
    slowed = answers[-1]
    assert slowed.status_code == 429 and int(slowed.headers["retry-after"]) >= 1
    # Also the right password has to wait; another account has not.
    assert identity.sign_in(ann).status_code == 429
    assert identity.sign_in(bob).status_code == 200
    # The same for a name nobody has, and for many at once.
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        many = list(pool.map(lambda i: identity.sign_in("nobody@example.com", str(i)).status_code, range(12)))
    assert many.count(401) == 5 and many.count(429) == 7
    # An attacker cannot choose the address he is counted under.
    forged = identity.sign_in(ann, "x", **{"X-Forwarded-For": "203.0.113.9"})
    assert forged.status_code == 429


def test_device_flow(identity):
    ann = identity.user()
    begun = identity.post(DEVICE).json()
    assert begun["verification_uri_complete"] == f"{begun['verification_uri']}?user_code={begun['user_code']}"
    assert begun["verification_uri"] == identity.url + REALM + "/device"

    def poll():
        return identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"])

    assert poll().json()["error"] == "authorization_pending"
    assert poll().json()["error"] == "slow_down"
    browser = Browser(identity.url)
    page = browser.get(begun["verification_uri_complete"])
    assert "Sign in" in page.text and begun["user_code"] in page.text
    page = browser.submit(login=ann, password=PASSWORD)
    assert "Connect this device?" in page.text and begun["user_code"] in page.text and ann in page.text
    page = browser.submit(decision="allow")
    assert "Device connected" in page.text
    tokens = poll().json()
    assert claims(tokens["access_token"])["email"] == ann
    assert works(identity, tokens["access_token"])
    assert poll().json()["error"] == "expired_token"
    # The code is used up.
    assert "unknown, used or expired" in browser.get(begun["verification_uri_complete"]).text


def test_refused_and_expired_device(identity):
    browser = Browser(identity.url)
    browser.sign_in(identity.user())
    begun = identity.post(DEVICE).json()
    browser.get(begun["verification_uri_complete"])
    assert "Sign-in refused" in browser.submit(decision="anything else").text
    refused = identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert refused.status_code == 400 and refused.json()["error"] == "access_denied"
    begun = identity.post(DEVICE).json()
    browser.get(begun["verification_uri_complete"])
    change(identity, "UPDATE device_grant SET expires_at = 1")
    assert "unknown, used or expired" in browser.submit(decision="allow").text
    expired = identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert expired.json()["error"] == "expired_token"


def test_the_first_administrator(identity):
    link = identity.setup_link()
    for wrong in (
        f"{identity.url}/auth/setup",
        f"{identity.url}/auth/setup?code=wrong",
        link[:-1],
        link + "0",
    ):
        assert identity.http.get(wrong).status_code == 403
    browser = Browser(identity.url)
    page = browser.get(link)
    assert page.status_code == 200 and "first administrator" in page.text
    email = f"{unique('root')}@example.com"
    page = browser.submit(email=email, password=PASSWORD, again="something else")
    assert page.status_code == 400 and "differ" in page.text and email in page.text
    page = browser.submit(email=email, password="short", again="short")
    assert page.status_code == 400 and "shorter" in page.text
    page = browser.submit(email=email, password=PASSWORD, again=PASSWORD)
    assert "Your account" in page.text and "administrator" in page.text
    assert works(identity, identity.tokens(email)["access_token"])
    # Once: not for a second one, not after a restart.
    other = Browser(identity.url)
    assert other.get(link).status_code == 403
    seen = identity.server.log.read_text().count("/auth/setup")
    identity.server.restart()
    assert identity.server.log.read_text().count("/auth/setup") == seen
    assert Browser(identity.url).get(link).status_code == 403


def test_forms_of_other_sites_are_refused(identity):
    """CSRF: without our token, with another visitor's, with a foreign Origin."""
    ann, mallory = identity.user(), identity.user()
    browser, attacker = Browser(identity.url), Browser(identity.url)
    browser.sign_in(ann)
    attacker.sign_in(mallory)
    begun = identity.post(DEVICE).json()
    attacker.get(begun["verification_uri_complete"])
    stolen = attacker.fields()
    form = {"user_code": begun["user_code"], "decision": "allow"}
    for extra in ({}, {"form_token": ""}, {"form_token": stolen["form_token"]}):
        answer = browser.http.post(f"{REALM}/device", data={**form, **extra})
        assert answer.status_code == 403 and "out of date" in answer.text
    browser.get(begun["verification_uri_complete"])
    own = browser.fields()
    for origin in ("https://evil.example", "null", identity.url.replace("http", "https") + "0"):
        answer = browser.http.post(f"{REALM}/device", data={**form, **own}, headers={"Origin": origin})
        assert answer.status_code == 403
    assert browser.http.post(f"{REALM}/device", json={**form, **own}).status_code == 415
    assert browser.http.get(f"{REALM}/device", params={**form, **own}).status_code == 200  # changes nothing
    pending = identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert pending.json()["error"] == "authorization_pending"
    # Sign-in too: nobody is signed in as somebody else by a form of another site.
    fresh = httpx.post(f"{identity.url}{REALM}/sign-in", data={"login": mallory, "password": PASSWORD})
    assert fresh.status_code == 403 and "joey_session" not in fresh.headers.get("set-cookie", "")
    for path in ("/sign-out", "/device", "/sign-in"):
        assert browser.http.post(REALM + path, data=form).status_code == 403
    assert "Your account" in browser.get("/auth/account").text


def test_a_page_of_before_the_sign_in_is_of_no_use_after_it(identity):
    browser = Browser(identity.url)
    browser.get(f"{REALM}/sign-in")
    before = browser.fields()
    browser.submit(login=identity.user(), password=PASSWORD)
    assert browser.http.post(f"{REALM}/sign-out", data=before).status_code == 403
    # Signing out ends the session on the server, not only in the browser.
    cookie = browser.http.cookies["joey_session"]
    browser.get("/auth/account")
    browser.submit(action=f"{REALM}/sign-out")
    stale = httpx.get(f"{identity.url}/auth/account", cookies={"joey_session": cookie})
    assert "Sign in" in stale.text and "Your account" not in stale.text


def test_headers_and_cookies_of_pages(identity):
    browser = Browser(identity.url)
    page = browser.get(f"{REALM}/device")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy and "<script" not in page.text
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    cookies = [page.headers["set-cookie"]]
    browser.http.follow_redirects = False
    page = browser.submit(login=identity.user(), password=PASSWORD)
    assert page.status_code == 303
    cookies.append(page.headers["set-cookie"])
    assert all("HttpOnly" in cookie and "SameSite" in cookie for cookie in cookies)
    assert page.headers["location"].startswith("/auth/")
    assert browser.http.get("/auth/style.css").headers["content-type"].startswith("text/css")


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "{{7*7}}'"])
def test_pages_escape_what_they_show(identity, text):
    browser = Browser(identity.url)
    page = browser.http.get(f"{REALM}/device", params={"user_code": text})
    assert text not in page.text
    browser.get(f"{REALM}/sign-in")
    page = browser.submit(login=text, password="whatever it is", user_code=text)
    assert page.status_code == 403 and text not in page.text and "&#39;" in page.text or "&lt;" in page.text
    browser.http.follow_redirects = False
    browser.get(f"{REALM}/sign-in")
    page = browser.submit(
        login=identity.user(), password=PASSWORD, user_code=text + "//evil.example/\r\nX: y"
    )
    assert page.headers["location"].startswith(f"{REALM}/device?user_code=")
    assert not set(page.headers["location"]) & set("<>\"'\r\n ")


def test_changing_the_own_password(identity):
    ann = identity.user()
    tokens = identity.tokens(ann)
    browser = Browser(identity.url)
    browser.sign_in(ann)
    new = "an even better one"
    page = browser.submit(current="wrong password", password=new, again=new)
    assert page.status_code == 403 and "wrong" in page.text
    page = browser.submit(current=PASSWORD, password=new, again=new)
    assert page.status_code == 200 and "changed" in page.text
    assert not works(identity, tokens["access_token"])
    assert identity.sign_in(ann).status_code == 401
    assert identity.sign_in(ann, new).status_code == 200
    assert "Your account" in browser.get("/auth/account").text  # this browser stays signed in


def test_users_of_the_admin_api(identity):
    """WIRE 1.5, and RELIABILITY 31: what a caller sends beside `enabled` changes nothing."""
    root, ann = identity.user("--administrator"), identity.user("--username", "annie")
    users = "/auth/admin/realms/master/users"
    admin = identity.api(identity.token(root)).http
    member_token = identity.tokens(ann)["access_token"]
    member = identity.api(member_token).http
    (found,) = member.get(users, params={"email": ann}).json()
    assert {"id", "username", "email", "enabled", "createdTimestamp"} == set(found)
    assert found["username"] == "annie" and found["enabled"] is True
    assert member.get(users, params={"email": "nobody@example.com"}).json() == []
    assert member.get(f"{users}/{found['id']}").json() == found
    assert member.get(f"{users}/nobody").status_code == 404
    assert member.put(f"{users}/{found['id']}", json={**found, "administrator": True}).status_code == 403
    wanted = {**found, "administrator": True, "email": "x@example.com", "realmRoles": ["admin"]}
    assert admin.put(f"{users}/{found['id']}", json=wanted).status_code == 204
    assert member.get(f"{users}/{found['id']}").json() == found
    (line,) = [line for line in identity.server.command("user", "list").splitlines() if ann in line]
    assert line.split("\t")[3] == "user"
    # Deactivated: out at once, and what was signed before stays dead.
    assert admin.put(f"{users}/{found['id']}", json={**found, "enabled": False}).status_code == 204
    assert not works(identity, member_token)
    assert identity.sign_in(ann).status_code == 401
    assert admin.put(f"{users}/{found['id']}", json=found).status_code == 204
    assert not works(identity, member_token)
    assert identity.sign_in(ann).status_code == 200
    (self,) = admin.get(users, params={"email": root}).json()
    assert admin.put(f"{users}/{self['id']}", json={**self, "enabled": False}).status_code == 409
    assert admin.put(f"{users}/{self['id']}", json={"enabled": "no"}).status_code == 400


def test_a_server_without_sign_in_says_so(joey):
    answer = httpx.post(f"{joey.url}{TOKEN}", data={"client_id": "sdk-client", "grant_type": "password"})
    assert answer.status_code == 400 and "--auth none" in answer.json()["error_description"]
    assert httpx.get(f"{joey.url}{REALM}/.well-known/openid-configuration").status_code == 404
