check(!doc.documentElement.classList.contains("js"), "no script runs");
check(!isSeen(find(".filter")), "what would do nothing is not shown");
check(all("tr.scenario").length === 6 && all("tr.scenario").every(isSeen), "all scenarios are shown");
check(all("details").length > 20 && all("details").every(isSeen), "all findings have a line");
const { panel } = cell("fd-reuse", "perf");
panel.querySelector("summary").click();
check(panel.open && panel.innerText.includes("asks /proc later"), "it opens by itself");
