for (const one of all("h1, h2, p, label, pre, code")) {
    check(contrast(one) >= 4.5, one.outerHTML.slice(0, 80) + " has a contrast of " + contrast(one));
}
