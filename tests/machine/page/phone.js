const fits = (when) => check(doc.documentElement.scrollWidth <= win.innerWidth,
    when + ": " + doc.documentElement.scrollWidth + " of " + win.innerWidth);
check(win.innerWidth === 390, "it is a phone: " + win.innerWidth);
fits("at first");
for (const button of all("button.name, button.cell")) click(button);
fits("when all is open");
const scroll = find(".scroll");
const isWide = scroll.scrollWidth > scroll.clientWidth;
check(isWide, "the table is wider, and scrolls in itself");
for (const panel of all("details")) {
    const { left, right, height } = panel.getBoundingClientRect();
    check(height > 0 && left >= 0 && right <= 390, "findings are read without a scroll: " + left + " to " + right);
}
scroll.scrollLeft = 10000;
const name = find("tr.family > th").getBoundingClientRect();
check(scroll.scrollLeft > 0 && name.left >= 0 && name.left < 30, "names stay where the table is scrolled: " + name.left);
const panel = find("details").getBoundingClientRect();
check(panel.left >= 0 && panel.right <= 390, "and so do findings");
for (const one of all("button, input, select").filter(isSeen)) {
    check(one.getBoundingClientRect().height >= 20, "a finger finds it: " + one.outerHTML);
}
check(parseFloat(win.getComputedStyle(doc.body).fontSize) >= 16, "letters are large enough");
