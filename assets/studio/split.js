// Before and after: a line between both that can be moved, and a button that shows the photo while
// it is held.

export class Split {
  constructor({$, frame}) {
    this.frame = frame
    this.slider = $(".split input")
    this.slider.oninput = () => this.set(Number(this.slider.value))
    this.listen($(".compare"))
  }

  // how much of the original photo is shown, from the left, per cent
  set(share) {
    this.slider.value = share
    this.frame.style.setProperty("--split", `calc(13px + (100% - 26px)*${share / 100})`)
    this.frame.classList.toggle("both", share > 0)
  }

  listen(button) {
    const show = () => this.frame.classList.add("original")
    const hide = () => this.frame.classList.remove("original")
    button.addEventListener("pointerdown", show)
    button.addEventListener("keydown", event => {
      if (event.key === " " || event.key === "Enter") show()
    })
    for (const type of ["pointerup", "pointerleave", "keyup", "blur"]) {
      button.addEventListener(type, hide)
    }
  }
}
