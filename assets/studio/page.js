// What Gradio's own parts of the page lack for a keyboard and a screen reader: names, tabs that
// follow the arrow keys, messages that are read out.
import {seldom} from "./dom.js"

const CALM = 200 // ms between looks at a page that changes
const all = selector => [...document.querySelectorAll(selector)]

function give(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value)
}

export function tend() {
  const mending = [nameUploads, nameEmpties, joinTabs, readMessages]
  const mendAll = seldom(CALM, () => {
    for (const mend of mending) mend()
  })
  const changes = {subtree: true, childList: true, attributeFilter: ["aria-selected", "aria-label"]}
  new MutationObserver(mendAll).observe(document.body, changes)
  document.addEventListener("keydown", turnTabs)
  mendAll()
}

// a button's name is to contain what is written on it
function nameUploads() {
  for (const button of all("#page button[aria-dropeffect]")) {
    const written = button.textContent.trim().replaceAll(/\s+/g, " ")
    const label = button.closest(".block")?.querySelector("[data-testid=block-label]")
    const title = label?.textContent.trim()
    if (written) give(button, "aria-label", title ? `${title}: ${written}` : written)
  }
}

// a place where nothing is yet has a name, but is nothing that can have one
function nameEmpties() {
  for (const box of all("#page .empty[aria-label]")) give(box, "role", "img")
}

function readMessages() {
  for (const box of all("#said, #file-said")) give(box, "aria-live", "polite")
}

// ---- tabs

// one stop for the tab key; each tab and its panel know of one another
function joinTabs() {
  const panels = all("#tabs > [role=tabpanel]")
  all("#tabs [role=tab]").forEach((tab, i) => {
    give(tab, "tabindex", tab.ariaSelected === "true" ? "0" : "-1")
    if (!panels[i]) return
    tab.id ||= `tab-${tab.dataset.tabId}`
    panels[i].id ||= `panel-${tab.dataset.tabId}`
    give(tab, "aria-controls", panels[i].id)
    give(panels[i], "aria-labelledby", tab.id)
  })
}

function turnTabs(event) {
  if (!event.target.matches("#tabs [role=tab]")) return
  const tabs = all("#tabs [role=tab]")
  const at = tabs.indexOf(event.target)
  const n = tabs.length
  const to = {ArrowRight: (at + 1) % n, ArrowLeft: (at + n - 1) % n, Home: 0, End: n - 1}[event.key]
  if (to === undefined) return
  event.preventDefault()
  tabs[to].click()
  tabs[to].focus()
}
