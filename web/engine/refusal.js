// What cannot be done, as one sentence that the page shows.
export class Refusal extends Error {}
