check(win.matchMedia("(prefers-color-scheme: SCHEME)").matches, "the browser is set to SCHEME");
for (const button of all("button.name, button.cell")) click(button);
const isDark = brightness(doc.body, "backgroundColor") < 0.5;
check(isDark === ("SCHEME" === "dark"), "the page is SCHEME");
for (const one of all("h1, p, .sign, small, code, dt, dd, summary, button, output, label, th")) {
    check(contrast(one) >= 4.5, one.outerHTML.slice(0, 80) + " has a contrast of " + contrast(one));
}
const colours = new Set(all(".legend .sign").map((one) => one.textContent));
check(colours.size === 7, "the signs differ without colour");
