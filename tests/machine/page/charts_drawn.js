check(find("h1").textContent === "<b>cat</b> 'a file'", "the command is text: " + find("h1").textContent);
check(all("div.calls rect").length > 20 && all("svg.timeline rect").length > 20, "boxes are drawn");
check(all("svg.timeline text").length >= 3, "each thread has a row");
check(isSeen(find("div.calls")) && !isSeen(find("div.bytes")), "the number of calls is shown first");
find("#bytes").click();
check(isSeen(find("div.bytes")) && !isSeen(find("div.calls")), "bytes are shown when they are asked for");
const right = all("div.bytes rect").map((one) => one.getBoundingClientRect().right);
check(Math.max(...right) <= find("div.bytes svg").getBoundingClientRect().right + 1, "no box is outside");
check(find("pre").textContent.includes("a wide row"), "the table is there");
