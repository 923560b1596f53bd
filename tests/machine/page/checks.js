"use strict";
// The words that checks are written in. The page is in the frame; what does not hold is collected, not thrown.
const byTag = document.getElementById("page");
let win, doc;
const failed = [];
let checked = 0;

const check = (holds, sentence) => {
  checked += 1;
  if (!holds) failed.push(sentence);
};
const all = (selector) => [...doc.querySelectorAll(selector)];
const find = (selector) => {
  const found = doc.querySelector(selector);
  if (!found) throw new Error("there is no " + selector);
  return found;
};
const byId = (id) => doc.getElementById(id);
const isSeen = (one) => one.getClientRects().length > 0 && one.checkVisibility();
const click = (one) => {
  if (!isSeen(one)) failed.push("what is clicked is not seen: " + one.outerHTML.slice(0, 80));
  one.click();
};
const type = (selector, text) => {
  find(selector).value = text;
  find(selector).dispatchEvent(new win.Event("input", { bubbles: true }));
};
const after = (one, event, act) => new Promise((done) => {
  one.addEventListener(event, () => done(), { once: true });
  act();
});
const named = (rows, name) => {
  const found = rows.find((row) => row.querySelector("th").textContent.trim().split(/\s/)[0] === name);
  if (!found) throw new Error("there is no row " + name);
  return found;
};
const family = (name) => named(all("tbody.family"), name);
const scenario = (name) => ({ row: named(all("tr.scenario"), name) });
const cell = (name, subject) => {
  const at = all("thead th").findIndex((one) => one.textContent.startsWith(subject));
  const button = scenario(name).row.children[at].querySelector("button");
  return { button, panel: byId(button.getAttribute("aria-controls")) };
};

// Contrast as WCAG 2 has it.
const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const brightnessOf = (colour) => {
  const [red, green, blue] = channels(colour).map((channel) => {
    const part = channel / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
};
const brightness = (one, what) => brightnessOf(win.getComputedStyle(one)[what]);
const behind = (one) => {
  for (let at = one; at; at = at.parentElement) {
    const colour = win.getComputedStyle(at).backgroundColor;
    if (channels(colour)[3] !== 0) return brightnessOf(colour);
  }
  return 1;
};
const contrast = (one) => {
  const [less, more] = [brightness(one, "color"), behind(one)].sort((a, b) => a - b);
  return (more + 0.05) / (less + 0.05);
};

const run = (checks) => addEventListener("load", async () => {
  [win, doc] = [byTag.contentWindow, byTag.contentDocument];
  try {
    await checks();
  } catch (error) {
    failed.push(String(error));
  }
  // Many rows fail alike: who reads it needs a few.
  const lines = [...new Set(failed)].slice(0, 20).map((sentence) => "\n* " + sentence).join("");
  document.getElementById("result").textContent = `checked ${checked} sentences:${lines}\n ${failed.length} fail`;
});
