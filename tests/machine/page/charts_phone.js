check(win.innerWidth === 390, "it is a phone: " + win.innerWidth);
check(doc.documentElement.scrollWidth <= win.innerWidth, "it fits: " + doc.documentElement.scrollWidth);
for (const one of all(".scroll").filter(isSeen)) check(one.scrollWidth > one.clientWidth, "a picture scrolls in itself");
for (const one of all("label")) check(one.getBoundingClientRect().height >= 20, "a finger finds it");
