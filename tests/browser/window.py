"""A window of a browser without a screen: it opens a page, waits until it is drawn, and asks axe or the keyboard."""

from contextlib import contextmanager

FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-prefers-reduced-motion",
)
WIDE, NARROW = (1300, 1000), (390, 844)
WAIT_S = 60
# figures are drawn one after the other; two frames later what the last one brought is laid out
DRAWN = """
const done = arguments[0];
(function look() {
  const open = document.readyState !== "complete" || document.querySelector(".plot:empty");
  if (open) { setTimeout(look, 30); return; }
  requestAnimationFrame(() => requestAnimationFrame(() => done(true)));
})();
"""
AXE = """
const done = arguments[1];
axe.run(document, {resultTypes: ["violations"], ...arguments[0]}).then(
  found => done(found.violations.map(
    each => [each.id, each.nodes.length, each.nodes.slice(0, 3).map(node => node.html.slice(0, 140))])),
  fault => done([["axe", 0, [String(fault)]]]));
"""


class Window:
    """One tab of the browser."""

    def __init__(self, driver):
        self.driver = driver

    def open(self, address):
        """Open a page and wait until it is drawn."""
        self.driver.set_window_size(*WIDE)
        self.darken(False)
        self.driver.get(address)
        self.settle()

    def visit(self, address):
        """Open a page unless it is open, whatever was done to it."""
        if self.driver.current_url.split("#")[0] != address:
            self.open(address)

    def settle(self):
        """Wait until every figure is drawn."""
        self.driver.execute_async_script(DRAWN)

    def narrow(self):
        """Make the page as wide as a telephone."""
        self.driver.set_window_size(*NARROW)
        self.settle()

    def darken(self, is_dark):
        """Let the reader prefer dark pages, or light ones."""
        wanted = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [wanted]})

    def switch_theme(self):
        """Go to the other colours: by the button of the page, or as the reader prefers where it has none."""
        if not self.run("const b = document.getElementById('theme'); b && b.click(); return !!b"):
            self.darken(True)
        self.settle()

    def press(self, key, times=1):
        """Press a key so many times."""
        from selenium.webdriver import ActionChains, Keys

        named = {"tab": Keys.TAB, "enter": Keys.ENTER, "escape": Keys.ESCAPE}
        pressed = {**named, "down": Keys.ARROW_DOWN, "up": Keys.ARROW_UP}[key]
        ActionChains(self.driver, duration=0).send_keys(pressed * times).perform()

    def violations(self, axe, rules=None):
        """Return the rules of axe that the page breaks, of some or of all: name, how often, and where at first."""
        asked = {} if rules is None else {"runOnly": {"type": "rule", "values": rules}}
        if not self.run("return typeof axe === 'object'"):
            self.driver.execute_script(axe)
        return self.driver.execute_async_script(AXE, asked)

    def run(self, script, *given):
        """Return what a script in the page returns."""
        return self.driver.execute_script(script, *given)


@contextmanager
def open_window(browser, service, profile):
    """Yield a window; its browser ends with it."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = browser
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, Service(service))
    try:
        driver.set_script_timeout(WAIT_S)
        driver.set_page_load_timeout(WAIT_S)
        yield Window(driver)
    finally:
        driver.quit()
