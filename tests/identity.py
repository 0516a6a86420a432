"""A server that asks who somebody is, its users, and sign-in without the SDK."""

import re

import httpx
from harness import Api, unique

PASSWORD = "correct horse battery"
REALM = "/auth/realms/master"
TOKEN = f"{REALM}/protocol/openid-connect/token"
DEVICE = f"{REALM}/protocol/openid-connect/auth/device"
DEVICE_GRANT = "urn:ietf:params:oauth:grant-type:device_code"


class Identity:
    """`joey serve --auth builtin` with what a test does to it."""

    def __init__(self, server):
        self.server = server
        self.http = httpx.Client(base_url=server.url, timeout=60)

    @property
    def url(self):
        return self.server.url

    def user(self, *options, email=None):
        """Creates a user; the email."""
        email = email or f"{unique('user')}@example.com"
        self.server.command("user", "create", email, "--password-stdin", *options, stdin=PASSWORD + "\n")
        return email

    def token(self, email, *options):
        """An API token."""
        return self.server.command("token", "create", email, "--name", "test", *options)

    def api(self, token=None):
        return Api(self.url, token)

    def post(self, path, **form):
        return self.http.post(path, data={"client_id": "sdk-client", **form})

    def sign_in(self, email, password=PASSWORD, **headers):
        """The answer of the token endpoint to a password."""
        form = {"client_id": "sdk-client", "grant_type": "password", "username": email, "password": password}
        return self.http.post(TOKEN, data=form, headers=headers)

    def tokens(self, email):
        answer = self.sign_in(email)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def setup_link(self):
        """The link that the server printed at its start."""
        return re.findall(r"http\S+/auth/setup\?code=\S+", self.server.log.read_text())[-1]


class Browser:
    """A browser without scripts: keeps cookies, fills in the form of a page."""

    def __init__(self, url):
        self.http = httpx.Client(base_url=url, follow_redirects=True, timeout=60)
        self.page = None

    def get(self, path):
        self.page = self.http.get(path)
        return self.page

    def fields(self):
        """Hidden fields of the page's first form."""
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', self.page.text))

    def submit(self, action=None, **values):
        """Sends the page's first form, with an Origin as browsers do."""
        action = action or re.search(r'action="([^"]+)"', self.page.text)[1]
        origin = str(self.http.base_url).rstrip("/")
        self.page = self.http.post(action, data={**self.fields(), **values}, headers={"Origin": origin})
        return self.page

    def sign_in(self, email, password=PASSWORD, path=f"{REALM}/sign-in"):
        self.get(path)
        return self.submit(login=email, password=password)
