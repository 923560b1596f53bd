check(find("h1").textContent === "Conformance", "it has a title");
check(!isSeen(scenario("fd-reuse").row), "a family is closed at first");
check(!isSeen(find("details")), "and so are all findings");
click(family("fd").querySelector("button.name"));
check(isSeen(scenario("fd-reuse").row) && isSeen(scenario("fd-renamed").row), "it opens to its scenarios");
check(!isSeen(scenario("open-basic").row), "the others stay closed");
const { button, panel } = cell("fd-reuse", "perf");
check(button.textContent.includes("✗ 3/4"), "a cell says what is right of what is claimed");
check(!isSeen(panel), "a cell is closed at first");
click(button);
check(isSeen(panel) && button.getAttribute("aria-expanded") === "true", "a cell opens");
for (const said of ["wrong", "close(3</a.txt>) = 0", 'fd_path is "old.txt" and not "a.txt"',
    "0.1 ( 0.0 ms): close(fd: 3<old.txt>) = 0", "asks /proc later", "ior-it --subject perf --exact --filter fd-reuse"]) {
    check(panel.innerText.includes(said), "it shows " + said);
}
const line = panel.querySelector("summary");
await after(panel, "toggle", () => line.click());
check(!isSeen(panel) && button.getAttribute("aria-expanded") === "false", "its own line closes it");
check(doc.activeElement === button, "who was there is at the cell again");
click(cell("fd-reuse", "strace").button);
check(isSeen(cell("fd-reuse", "strace").panel) && !isSeen(panel), "a cell opens its own findings only");
click(find("#fold"));
check(!isSeen(scenario("fd-reuse").row) && !isSeen(cell("fd-reuse", "strace").panel), "all is closed");
click(family("fd").querySelector('td[data-s="2"] button'));
check(isSeen(cell("fd-reuse", "ior").panel) && isSeen(cell("fd-renamed", "ior").panel), "a family's cell opens all of a subject");
check(family("fd").querySelector('td[data-s="2"] button').getAttribute("aria-expanded") === "true", "and says so");
check(!isSeen(cell("fd-reuse", "perf").panel), "and of no other");
click(family("fd").querySelector('td[data-s="2"] button'));
check(!isSeen(cell("fd-reuse", "ior").panel), "and closes them");
