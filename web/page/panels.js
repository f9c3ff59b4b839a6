// The studio's panels in a page without Gradio: each is given its properties, says what was chosen,
// and hears of new values.

export class Panel {
  watching = []

  constructor(selector, props = {}, chosen = () => {}) {
    this.root = document.querySelector(selector)
    this.props = {value: null, ...props}
    this.chosen = chosen
  }

  // `module` has a function `mount`, as those of assets/studio
  mount(module) {
    module.mount(this.root, {
      props: this.props,
      trigger: (_, what) => this.chosen(what),
      watch: (_, does) => this.watching.push(does),
    })
    return this
  }

  set(value) {
    this.props.value = value
    for (const does of this.watching) does()
  }

  // a message, as the demo's server sends them
  say(text = "", bad = false) {
    this.set({text, bad})
  }
}
