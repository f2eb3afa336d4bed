// Ancestral sampling, step by step. The schedule's constants come from Python (facts.signal, …);
// index t − 1 of each is the paper's t.
zooPlay.start(async function (model, root) {
  "use strict";
  const {facts} = model;
  const {shape, timesteps: T} = facts;
  const size = shape[0] * shape[1] * shape[2];
  const find = (name) => root.querySelector("[data-" + name + "]");
  const input = (name) => root.querySelector('[data-input="' + name + '"]');
  const noisy = zooPlay.sized(find("noisy"), shape), guess = zooPlay.sized(find("guess"), shape);
  const say = zooPlay.teller(find("say"));
  const slider = input("step");
  const weight = input("weight"); // of guidance; null for a model without classes
  const MARKS = 9; // pictures in the strip below the slider
  const thumbs = Array.from({length: MARKS}, () => zooPlay.sized(document.createElement("canvas"), shape));
  find("film").append(...thumbs);

  let seed, forks; // forks: [t, seed] means that the steps from t on take their noise from that seed
  let chain; // chain[k] = {x, x0}: x after k steps, and what was predicted on the way to it
  let shown; // how many steps the pictures on the page have behind them
  let playing = false, turn = 0; // turn counts what the reader asked for

  // -- the mathematics ----------------------------------------------------------------------------

  function noiseAt(t) {
    const fork = forks.findLast((row) => row[0] >= t);
    return zooPlay.normals(fork ? fork[1] : seed, t, size);
  }

  // The noise that is seen in x_t; guided to a class by a weight (Ho and Salimans 2022, eq. 6).
  async function seen(x, t) {
    const label = chosen(), w = Number(weight?.value);
    if (!label) return model.run({x_t: x, t: t});
    const given = (c) => model.run({x_t: x, t: t, label: c});
    if (label === "none") return given(facts.null);
    const eps = await given(Number(label));
    if (w === 0) return eps;
    const free = await given(facts.null);
    return eps.map((value, p) => (1 + w) * value - w * free[p]);
  }

  // From x_t to x_{t−1}: {x, x0}.
  async function stepped(x, t) {
    const i = t - 1;
    const eps = await seen(x, t);
    const z = t > 1 ? noiseAt(t) : null; // no noise at the last step
    const x0 = new Float32Array(size), next = new Float32Array(size);
    for (let p = 0; p < size; p++) {
      let predicted = (x[p] - facts.noise[i] * eps[p]) / facts.signal[i];
      if (facts.clip) predicted = zooPlay.clamp(predicted, -1, 1);
      x0[p] = predicted;
      next[p] = facts.of_x0[i] * predicted + facts.of_xt[i] * x[p] + (z ? facts.sigma[i] * z[p] : 0);
    }
    return {x: next, x0: x0};
  }

  // -- showing ------------------------------------------------------------------------------------

  function picture(values) {
    return values.map((v) => facts.unscale[0] + facts.unscale[1] * v);
  }

  function show(k) {
    shown = k;
    zooPlay.paint(noisy, picture(chain[k].x), shape);
    // Before the first step nothing is predicted: grey.
    zooPlay.paint(guess, chain[k].x0 ? picture(chain[k].x0) : new Float32Array(size).fill(0.5), shape);
    slider.value = String(k);
    const text = "Step " + k + " of " + T + (k < T ? " (t = " + (T - k) + ")" : ": done");
    slider.setAttribute("aria-valuetext", text);
    say(text + (forks.length ? " · " + forks.length + (forks.length > 1 ? " other ways" : " other way") : ""));
    for (let m = 0; m < MARKS; m++) {
      const at = Math.round(m * T / (MARKS - 1));
      thumbs[m].classList.toggle("later", at >= chain.length);
      if (at < chain.length) zooPlay.paint(thumbs[m], picture(chain[at].x), shape);
    }
    find("fork").disabled = k === 0 || k === T;
    find("step").disabled = k === T;
  }

  function address() {
    const values = {seed: seed, ...(weight ? {class: chosen(), weight: weight.value} : {})};
    if (forks.length) values.ways = forks.map((row) => row.join(".")).join(",");
    zooPlay.remember(values);
  }

  // -- moving -------------------------------------------------------------------------------------

  // One step onwards, computed where it is new; false where the reader has gone elsewhere meanwhile.
  async function forward(mine) {
    if (shown === chain.length - 1) {
      const made = await stepped(chain[shown].x, T - shown);
      if (mine !== turn) return false;
      chain.push(made);
    }
    shown += 1;
    return true;
  }

  async function play() {
    if (shown === T) show(0);
    const mine = halt();
    playing = true;
    find("play").textContent = "Pause";
    let painted = shown;
    while (shown < T) {
      const pace = Number(input("pace").value), until = performance.now() + 14;
      // As fast as it can: as many steps as fit between two frames.
      for (let n = 0; shown < T && (pace ? n < pace : n === 0 || performance.now() < until); n++) {
        if (!await forward(mine)) return;
      }
      if (zooPlay.due(shown, painted, T)) show(painted = shown);
      await zooPlay.frame();
      if (mine !== turn) return;
    }
    halt();
  }

  // Stops what is going on; what it still computes is dropped.
  function halt() {
    playing = false;
    find("play").textContent = shown === T ? "Play again" : "Play";
    return ++turn;
  }

  function pause() {
    halt();
    show(shown);
  }

  function begin(newSeed, newForks) {
    seed = newSeed;
    forks = newForks;
    input("seed").value = String(seed);
    if (weight) {
      weight.disabled = chosen() === "none"; // nothing is guided then
      root.querySelector('[data-out="weight"]').textContent = Number(weight.value).toFixed(1);
    }
    chain = [{x: zooPlay.normals(seed, T + 1, size), x0: null}];
    show(0);
    halt();
    address();
  }

  find("play").addEventListener("click", function () { if (playing) pause(); else play(); });
  find("step").addEventListener("click", async function () {
    if (await forward(halt())) show(shown);
    if (shown === T) halt();
  });
  find("restart").addEventListener("click", function () { halt(); show(0); halt(); });
  find("again").addEventListener("click", () => begin((seed + 1) % 1e9, []));
  find("fork").addEventListener("click", function () {
    const t = T - shown, last = Math.max(seed, ...forks.map((row) => row[1]));
    forks = [...forks.filter((row) => row[0] > t), [t, last + 1]];
    chain.length = shown + 1;
    address();
    play();
  });
  slider.max = String(T);
  slider.addEventListener("input", function () {
    halt();
    show(Math.min(Number(slider.value), chain.length - 1));
    halt();
  });
  input("seed").addEventListener("change", function () {
    begin(zooPlay.whole(input("seed").value, 0, 999999999, 1), []);
  });

  // Another class or weight begins with the same noise, so that their chains can be compared.
  const guide = () => begin(seed, forks);
  const kept = zooPlay.recall();
  const chosen = zooPlay.classes(root, kept.class, guide);
  if (weight) {
    const wanted = Number.parseFloat(kept.weight);
    weight.value = String(wanted >= 0 ? wanted : facts.weight);
    weight.addEventListener("input", guide);
  }
  const ways = (kept.ways || "").split(",").map((way) => way.split(".").map((n) => zooPlay.whole(n, 1, 999999999, 0)));
  begin(zooPlay.whole(kept.seed, 0, 999999999, 1), ways.filter((way) => way.length === 2 && way[0] && way[1]));
});
