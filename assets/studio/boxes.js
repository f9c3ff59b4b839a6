// Several faces: a box about each on the whole photo, and a list to choose from.
import {inverse, moved} from "./affine.js"
import {element, refill} from "./dom.js"
import {studio} from "./studio.js"

export class FaceBoxes {
  constructor({$, trouble}) {
    this.boxes = $(".boxes")
    this.list = $(".who")
    this.trouble = trouble
    studio.on("chosen", () => this.draw())
  }

  draw() {
    const {photo, seen, count} = studio
    const whole = count > 1 && seen === studio.views.whole
    refill(this.boxes, ...(whole ? photo.boxes : []).map((corners, i) => this.box(corners, i + 1)))
    if (count < 2) this.list.replaceChildren()
    else refill(this.list, this.choices(count))
  }

  box([x0, y0, x1, y1], number) {
    const back = inverse(studio.seen.back)
    const {width, height} = studio.seen
    const [left, top] = moved(back, [x0, y0])
    const [right, bottom] = moved(back, [x1, y1])
    const box = element("button", {
      textContent: number,
      ariaLabel: `Face ${number}`,
      ariaPressed: studio.chosen === number || studio.chosen === "all",
    })
    const share = (length, of) => (100 * length) / of + "%"
    box.style.left = share(left, width)
    box.style.top = share(top, height)
    box.style.width = share(right - left, width)
    box.style.height = share(bottom - top, height)
    box.onclick = () => this.choose(number)
    return box
  }

  choices(count) {
    const list = element("select", {ariaLabel: "Which face"})
    for (let number = 1; number <= count; number++) {
      list.append(new Option(`Face ${number}${number > 1 ? "" : " (biggest)"}`, number))
    }
    list.append(new Option(`All ${count} faces`, "all"))
    list.value = studio.chosen
    list.onchange = () => this.choose(list.value === "all" ? "all" : Number(list.value))
    return list
  }

  choose(number) {
    studio.choose(number).catch(this.trouble)
  }
}
