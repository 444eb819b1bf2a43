// Two pictures one upon the other: a slider fades from the one to the other, a button lets them take turns. Nothing moves
// until it is asked to.
const TURN = 700; // milliseconds of each picture
const playing = new WeakMap();

export default function ({ data, parentElement }) {
  const root = parentElement.querySelector(".flicker");
  const [before, after, play, slider] = [".before", ".after", ".play", "input"].map((one) => root.querySelector(one));
  before.src = `data:image/jpeg;base64,${data.before}`;
  after.src = `data:image/jpeg;base64,${data.after}`;
  before.alt = data.words.earlier;
  after.alt = data.words.later;
  root.querySelector(".earlier").textContent = data.words.earlier;
  root.querySelector(".later").textContent = data.words.later;
  slider.setAttribute("aria-label", data.words.slider);

  const show = () => (after.style.opacity = slider.value / 100);
  const stop = () => {
    clearInterval(playing.get(root));
    playing.delete(root);
    play.textContent = data.words.play;
    play.setAttribute("aria-pressed", "false");
  };
  slider.oninput = () => {
    stop();
    show();
  };
  play.onclick = () => {
    if (playing.has(root)) return stop();
    const turn = () => {
      slider.value = slider.value < 50 ? 100 : 0;
      show();
    };
    playing.set(root, setInterval(turn, TURN));
    play.textContent = data.words.stop;
    play.setAttribute("aria-pressed", "true");
    turn();
  };
  stop();
  show();
  return () => clearInterval(playing.get(root));
}
