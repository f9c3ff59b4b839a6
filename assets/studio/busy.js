// What takes long: the old picture is dimmed, and says what it waits for, how far it is, and how to
// break it off.
import {element} from "./dom.js"
import {studio} from "./studio.js"

export function showBusy({$}) {
  const box = element("div", {className: "busy", hidden: true})
  const doing = element("p", {role: "status"})
  const bar = element("progress", {ariaLabel: "How far it is"})
  const cancel = element("button", {textContent: "Cancel"})
  cancel.onclick = () => studio.busy?.cancel?.()
  box.append(doing, bar, cancel)
  $(".stage").append(box)

  studio.on("busy", () => {
    const work = studio.busy
    box.hidden = !work
    $(".stage").ariaBusy = Boolean(work)
    if (!work) return
    const says = `${work.what} …`
    if (doing.textContent !== says) doing.textContent = says
    if (work.share === null || work.share === 1) bar.removeAttribute("value")
    else bar.value = work.share
    cancel.hidden = !work.cancel
  })
}
