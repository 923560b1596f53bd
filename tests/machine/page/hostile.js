for (const button of all("button.name, button.cell")) click(button);
check(doc.title === "Conformance" && document.title === "", "no script of others runs");
check(all("script").length === 1 && all("style").length === 1, "there is no other script or style");
check(all("img, a, link, iframe, object, embed, form, base").length === 0, "nothing of it is an element");
for (const one of all("*")) {
    const of = [...one.attributes].filter(({ name }) => name.startsWith("on") || name === "style");
    check(of.length === 0, "nothing of it is an attribute: " + one.outerHTML.slice(0, 80));
}
const panel = find("details");
check(panel.innerText.includes("<" + "/script><" + "/style><" + "/title>"), "it is text: " + panel.innerText);
for (let at = 1; at <= 16; at++) check(doc.body.innerText.includes(at + "\\u{1b}[31m"), "field " + at + " is shown");
const unseen = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u206f]/;
check(!unseen.test(doc.body.textContent), "all that is there is seen");
type("#text", "owned");
check(all("tr.scenario").filter(isSeen).length === 4, "it is found");
