"""What a user does in JupyterLab, by mouse and keyboard."""

WAIT_MS = 240_000
"""Longest wait for anything, in milliseconds; the machine may be busy."""

IDLE = "() => window.jupyterapp.shell.currentWidget.sessionContext.session.kernel.status === 'idle'"

RAN = f"""() => {{
    const cells = window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model)
        .filter(cell => cell.type === 'code' && cell.sharedModel.getSource());
    const failed = cells.some(cell => cell.outputs.toJSON().some(output => output.output_type === 'error'));
    return ({IDLE})() && cells.every(cell => cell.executionState !== 'running')
        && (failed || cells.at(-1).executionCount !== null);
}}"""
"""Whether all cells have run, or one has failed."""

ACTIVE = "window.jupyterapp.shell.currentWidget.content.activeCell"

FAILURES = """() => window.jupyterapp.shell.currentWidget.content.widgets.map(cell => cell.model)
    .filter(cell => cell.outputs?.toJSON().some(output => output.output_type === 'error'))
    .map(cell => cell.sharedModel.getSource())"""

CUT_OFF = """root => [root, ...root.querySelectorAll('*')].filter(
    e => e.scrollWidth > e.clientWidth + 2 && getComputedStyle(e).display !== 'inline'
        && !e.closest('.noUi-target, svg, button, select') && e.clientWidth > 0
).map(e => `${e.tagName}.${e.className}: ${e.scrollWidth} > ${e.clientWidth}`)"""

OUTSIDE = """cell => {
    const right = cell.getBoundingClientRect().right + 1;
    const clipped = e => {
        for (let up = e.parentElement; up && up !== cell; up = up.parentElement) {
            const style = getComputedStyle(up);
            if (style.overflowX !== 'visible' && up.getBoundingClientRect().right <= right) return true;
        }
        return false;
    };
    return [...cell.querySelectorAll('.jp-OutputArea *')].filter(e => {
        const box = e.getBoundingClientRect();
        return box.width > 0 && box.right > right && getComputedStyle(e).visibility !== 'hidden' && !clipped(e);
    }).map(e => `${e.tagName}.${e.className}`);
}"""
"""What is seen outside a cell; what its own box cuts off and scrolls is not."""

WATCH = """root => {
    const handle = root.querySelector('.noUi-handle');
    const numbers = [...root.querySelectorAll('.widget-html-content')].find(e => e.innerText.includes('this point'));
    let moved = null;
    window.answered = [];
    new MutationObserver(() => { moved ??= performance.now(); })
        .observe(handle, {attributes: true, attributeFilter: ['aria-valuenow', 'aria-valuetext']});
    new MutationObserver(() => {
        if (moved !== null) window.answered.push(performance.now() - moved);
        moved = null;
    }).observe(numbers, {childList: true, subtree: true, characterData: true});
}"""


class Page:
    """A notebook in the browser."""

    def __init__(self, page):
        self.page = page
        page.set_default_timeout(WAIT_MS)

    def open(self, address):
        """Open a notebook and wait for its kernel; Run All before that asks which kernel to take."""
        self.page.goto(address)
        self.page.locator(".jp-Toolbar-kernelName", has_text="Python 3").wait_for()
        self.page.wait_for_function("() => window.jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel")
        self.page.wait_for_function(IDLE)

    def run_all(self):
        """Run all cells from the menu, and wait until they have run or one has failed."""
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.page.wait_for_function(RAN)

    def run(self, source):
        """Type a cell at the end, run it, and return its output area."""
        self.page.locator(".jp-Notebook-footer").click()
        self.page.wait_for_function(f"() => !({ACTIVE}).model.sharedModel.getSource()")
        self.page.keyboard.press("Enter")
        self.page.wait_for_function(f"() => ({ACTIVE}).node.contains(document.activeElement.closest('.cm-content'))")
        self.page.keyboard.type(source)
        self.page.keyboard.press("Shift+Enter")
        self.page.wait_for_function(RAN)
        return self.cell(source.splitlines()[-1])

    def cell(self, text):
        """The last code cell whose source holds a text."""
        return self.page.locator(".jp-CodeCell").filter(has=self.page.locator(".jp-InputArea", has_text=text)).last

    def failures(self):
        """Sources of the cells that failed."""
        return self.page.evaluate(FAILURES)

    def theme(self, name):
        """Change the theme."""
        self.page.evaluate("name => window.jupyterapp.commands.execute('apputils:change-theme', {theme: name})", name)
        dark = "false" if "Dark" in name else "true"
        self.page.locator(f"body[data-jp-theme-light='{dark}']").wait_for(state="attached")
        self.page.locator("#jupyterlab-splash").wait_for(state="detached")  # it covers the page while themes change

    def cut_off(self, place):
        """What is wider than its box, in words."""
        return place.evaluate(CUT_OFF)

    def outside(self, cell):
        """What is seen outside a cell, in words."""
        return cell.evaluate(OUTSIDE)

    def picture(self, cell, path):
        """Make a screenshot of a cell, in a window that is high enough for all of it."""
        size = self.page.viewport_size
        self.page.set_viewport_size(size | {"height": max(size["height"], int(cell.bounding_box()["height"]) + 260)})
        cell.scroll_into_view_if_needed()
        self.page.wait_for_timeout(200)
        cell.screenshot(path=path)
        self.page.set_viewport_size(size)

    def looks(self, cells, pictures, *, height=1000):
        """Make screenshots of cells by name, in both themes and at both widths; gives the theme at each."""
        for theme in ("JupyterLab Light", "JupyterLab Dark"):
            self.theme(theme)
            for width in (1100, 1600):
                self.page.set_viewport_size({"width": width, "height": height})
                self.page.wait_for_timeout(300)
                for name, cell in cells.items():
                    self.picture(cell, pictures / f"{name}_{theme.split()[1].lower()}_{width}.png")
                    assert self.outside(cell) == [], (name, theme, width)
                yield theme

    def again(self, address):
        """Save the notebook, end its kernel, and open it with a fresh one."""
        self.page.evaluate("() => window.jupyterapp.commands.execute('docmanager:save')")
        self.page.wait_for_function("() => !window.jupyterapp.shell.currentWidget.context.model.dirty")
        self.page.evaluate("() => window.jupyterapp.shell.currentWidget.sessionContext.shutdown()")
        self.open(address)

    def slide(self, place, keys):
        """Move a slider by keys; milliseconds from each change of it to that of the numbers beside it."""
        place.evaluate(WATCH)
        handle = place.locator(".noUi-handle")
        handle.focus()
        for i, key in enumerate(keys):
            handle.press(key)
            self.page.wait_for_function("n => window.answered.length > n", arg=i)
        return self.page.evaluate("window.answered")

    def drag(self, place, share):
        """Drag a slider's handle to a share of its length."""
        place.locator(".noUi-handle").scroll_into_view_if_needed()
        handle, track = place.locator(".noUi-handle").bounding_box(), place.locator(".noUi-base").bounding_box()
        mouse, y = self.page.mouse, handle["y"] + handle["height"] / 2
        mouse.move(handle["x"] + handle["width"] / 2, y)
        mouse.down()
        mouse.move(track["x"] + share * track["width"], y, steps=8)
        mouse.up()
