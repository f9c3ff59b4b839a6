// Search: the index is asked for when somebody is about to search, and all of it is on this site.
const root = document.currentScript.dataset.root;
const box = document.getElementById("search");
const list = document.getElementById("found");
let index = null;

// wide pages show the contents beside the text, narrow ones on demand
const menu = document.getElementById("menu");
const wide = matchMedia("(min-width: 50.01rem)");
const unfold = () => { menu.open = wide.matches; };
wide.addEventListener("change", unfold);
unfold();
const here = menu.querySelector("[aria-current]");
if (here && wide.matches) {
  const bar = menu.parentElement;
  bar.scrollTop = here.offsetTop - bar.clientHeight / 2;
}

function load() {
  if (index !== null) return;
  index = [];
  const script = document.createElement("script");
  script.src = `${root}/index.js`;
  script.onload = () => { index = window.SITE_INDEX; search(); };
  document.head.append(script);
}

function rank(entry, words) {
  const [, title, heading, text] = entry;
  const head = `${title} ${heading}`.toLowerCase();
  const all = `${head} ${text.toLowerCase()}`;
  if (!words.every((word) => all.includes(word))) return 0;
  const exact = heading.toLowerCase() === words.join(" ");
  return 1 + words.filter((word) => head.includes(word)).length + (exact ? 10 : 0);
}

function excerpt(text, word) {
  const at = Math.max(0, text.toLowerCase().indexOf(word));
  const part = text.slice(Math.max(0, at - 40), at + 120);
  const small = document.createElement("small");
  const found = part.toLowerCase().indexOf(word);
  if (found < 0) { small.textContent = part; return small; }
  const mark = document.createElement("mark");
  mark.textContent = part.slice(found, found + word.length);
  small.append(part.slice(0, found), mark, part.slice(found + word.length));
  return small;
}

function search() {
  const words = box.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
  const ranked = words.length ? index.map((entry) => [rank(entry, words), entry]) : [];
  const best = ranked.filter(([r]) => r).sort((a, b) => b[0] - a[0]).slice(0, 30);
  list.replaceChildren(...best.map(([, [link, title, heading, text]]) => {
    const item = document.createElement("li");
    const a = document.createElement("a");
    a.href = `${root}/${link}`;
    a.append(heading ? `${title} › ${heading}` : title, excerpt(text, words[0]));
    item.append(a);
    return item;
  }));
  if (words.length && !best.length) list.textContent = index.length ? "Nothing was found." : "…";
  list.hidden = !words.length;
}

box.addEventListener("focus", load);
box.addEventListener("input", () => { load(); search(); });
document.addEventListener("keydown", (event) => {
  const writing = event.target.matches("input, textarea");
  if (event.key === "/" && !writing) { event.preventDefault(); box.focus(); }
  if (event.key === "Escape") { list.hidden = true; box.blur(); }
});
document.addEventListener("click", (event) => {
  if (!event.target.closest("[role=search]")) list.hidden = true;
});
