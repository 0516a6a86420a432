"""Sign-in in a real browser: clicks and typed text in Chromium, and what the pages look like.

Screenshots go to JOEY_SCREENSHOTS where that is set. Without Chromium and its driver the tests are skipped.
"""

import os
import pathlib
import shutil
import sqlite3

import pytest
from harness import unique, wait_until
from identity import DEVICE, DEVICE_GRANT, PASSWORD, REALM, TOKEN

pytestmark = pytest.mark.slow


@pytest.fixture
def browser(tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.chrome.service import Service

    chromium, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if not chromium or not driver:
        pytest.skip("the packages chromium and chromium-driver are not installed")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--window-size=900,760", f"--user-data-dir={tmp_path / 'profile'}"):  # fmt: skip
        options.add_argument(argument)
    chrome = webdriver.Chrome(options=options, service=Service(driver))
    yield Page(chrome)
    chrome.quit()


class Page:
    """What a person sees and does."""

    def __init__(self, chrome):
        self.chrome = chrome

    def open(self, url):
        self.chrome.get(url)

    @property
    def heading(self):
        return self.chrome.find_element("css selector", "h1").text

    @property
    def text(self):
        return self.chrome.find_element("css selector", "main").text

    def fill(self, **values):
        for name, value in values.items():
            field = self.chrome.find_element("css selector", f"input[name={name}]:not([type=hidden])")
            field.clear()
            field.send_keys(value)

    def click(self, label):
        before = self.chrome.find_element("css selector", "html")
        self.chrome.find_element("xpath", f"//button[normalize-space()='{label}']").click()
        # Between two pages there is none.
        wait_until(
            lambda: self.chrome.find_elements("css selector", "html") not in ([], [before]),
            what="the next page",
        )

    def shot(self, name):
        folder = os.environ.get("JOEY_SCREENSHOTS")
        if folder:
            pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
            self.chrome.save_screenshot(str(pathlib.Path(folder) / f"{name}.png"))

    def styled(self):
        """The style sheet was taken: the policy of the page lets it through."""
        script = "return getComputedStyle(document.querySelector('main')).borderTopLeftRadius"
        return self.chrome.execute_script(script) == "12px"

    def complaints(self):
        return [entry["message"] for entry in self.chrome.get_log("browser")
                if "favicon" not in entry["message"] and "status of 4" not in entry["message"]]  # fmt: skip


def test_first_administrator_sign_in_and_device(browser, identity):
    email = f"{unique('root')}@example.com"
    browser.open(identity.setup_link())
    assert browser.heading == "Create the first administrator" and browser.styled()
    browser.shot("1-setup")
    browser.fill(email=email, password=PASSWORD, again=PASSWORD + "!")
    browser.click("Create")
    assert "differ" in browser.text
    browser.shot("2-setup-refused")
    browser.fill(email=email, password=PASSWORD, again=PASSWORD)
    browser.click("Create")
    assert browser.heading == "Your account" and email in browser.text and "administrator" in browser.text
    browser.shot("3-account")
    browser.click("Sign out")
    assert browser.heading == "Sign in"

    begun = identity.post(DEVICE).json()
    browser.open(begun["verification_uri_complete"])
    assert browser.heading == "Sign in" and begun["user_code"] in browser.text
    browser.shot("4-sign-in")
    browser.fill(login=email, password="wrong password")
    browser.click("Sign in")
    assert "Wrong email or password" in browser.text
    browser.shot("5-sign-in-refused")
    browser.fill(login=email, password=PASSWORD)
    browser.click("Sign in")
    assert browser.heading == "Connect this device?" and begun["user_code"] in browser.text
    browser.shot("6-device")
    browser.click("Allow")
    assert browser.heading == "Device connected"
    browser.shot("7-connected")
    tokens = identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"]).json()
    assert tokens["access_token"]
    assert browser.complaints() == []

    # Refused, by a code that is typed in.
    begun = identity.post(DEVICE).json()
    browser.open(begun["verification_uri"])
    assert browser.heading == "Connect a device"
    browser.shot("8-code")
    browser.fill(user_code=begun["user_code"].lower().replace("-", ""))
    browser.click("Go on")
    browser.click("Refuse")
    assert browser.heading == "Sign-in refused"
    browser.shot("9-refused")
    answer = identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert answer.json()["error"] == "access_denied"

    # Expired: the code, then the session of the browser.
    begun = identity.post(DEVICE).json()
    browser.open(begun["verification_uri_complete"])
    expire(identity, "device_grant")
    browser.click("Allow")
    assert "unknown, used or expired" in browser.text
    browser.shot("10-expired")
    expire(identity, "session")
    browser.open(f"{identity.url}/auth/account")
    assert browser.heading == "Sign in"
    browser.open(identity.setup_link())
    assert browser.heading == "This link does not work"
    browser.shot("11-link-used")


def test_another_site_cannot_act_for_the_browser(browser, identity, tmp_path):
    ann = identity.user()
    browser.open(f"{identity.url}{REALM}/sign-in")
    browser.fill(login=ann, password=PASSWORD)
    browser.click("Sign in")
    begun = identity.post(DEVICE).json()
    attack = tmp_path / "attack.html"
    attack.write_text(
        f'<form method="post" action="{identity.url}{REALM}/device"><input name="user_code" '
        f'value="{begun["user_code"]}"><input name="decision" value="allow"><button>Win!</button></form>'
        f'<iframe src="{begun["verification_uri_complete"]}"></iframe>'
    )
    browser.open(attack.as_uri())
    frame = browser.chrome.find_element("css selector", "iframe")
    browser.chrome.switch_to.frame(frame)
    assert not browser.chrome.find_elements("css selector", "button[value=allow]")  # no clickjacking
    browser.chrome.switch_to.default_content()
    browser.chrome.find_element("xpath", "//button").click()
    answer = identity.post(TOKEN, grant_type=DEVICE_GRANT, device_code=begun["device_code"])
    assert answer.json()["error"] == "authorization_pending"


def expire(identity, table):
    with sqlite3.connect(identity.server.data / "joey.db", timeout=30) as database:
        database.execute(f"UPDATE {table} SET expires_at = 1")
    database.close()
