const dead = all("table td, table th").filter((one) => one.onclick || one.getAttribute("onclick"));
check(dead.length === 0, "what is clicked is a button");
for (const one of all("button, input, select, summary, .scroll")) {
    if (one.tagName === "SUMMARY") one.closest("details").hidden = false;
    check(one.tabIndex === 0, one.outerHTML + " is reached by Tab");
}
for (const one of all("button")) check(one.textContent.trim() !== "", "a button has a name");
for (const one of all("input, select")) check(one.labels.length === 1, "a field has a label");
for (const one of all("[aria-controls]")) check(byId(one.getAttribute("aria-controls")), "it controls something");
const button = family("fd").querySelector("button.name");
button.focus();
check(win.getComputedStyle(button).outlineStyle !== "none" || !button.matches(":focus-visible"), "the focus is seen");
check(all("td[data-s] .sign").every((one) => one.parentElement.querySelector(".heard")), "each sign is said in words");
