"use strict";
/* What reports say, and the part of it that the page shows. The address after # holds that part, so that a link to it
 * survives a reload: #report=0&step=model.layers.3&show=fail&find=mlp&hide=total */

const reports = JSON.parse(document.getElementById("reports").textContent);
const SERIES = ["introduced", "honest", "inherited", "total"];
const GATES = [["not finite", "non_finite"], ["ratio", "ratio"], ["row", "worst_row_ratio"],
               ["channel", "worst_channel_ratio"], ["element", "worst_element_ratio"], ["bias", "bias"]];
const WORDS = { pass: "PASS", fail: "FAIL", none: "not graded", error: "ERROR", nothing: "NOTHING GRADED" };

const MANY = 200; /* steps that the table shows at once, until it is asked for more */
const state = { whole: false, report: 0, step: null, show: "all", module: "", find: "", hide: [] };

function readAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const number = Number(given.get("report"));
  state.report = Number.isInteger(number) && number >= 0 && number < reports.length ? number : 0;
  state.step = given.get("step");
  state.show = ["all", "fail", "pass", "none"].includes(given.get("show")) ? given.get("show") : "all";
  state.module = given.get("module") || "";
  state.find = given.get("find") || "";
  state.hide = (given.get("hide") || "").split(",").filter(name => SERIES.includes(name));
}

function writeAddress() {
  const kept = new URLSearchParams();
  if (reports.length > 1) kept.set("report", state.report);
  if (state.step) kept.set("step", state.step);
  if (state.show !== "all") kept.set("show", state.show);
  if (state.module) kept.set("module", state.module);
  if (state.find) kept.set("find", state.find);
  if (state.hide.length) kept.set("hide", state.hide.join(","));
  history.replaceState(null, "", "#" + kept);
}

const report = () => reports[state.report];
const steps = () => report().steps || [];
const chosenStep = () => steps().find(step => step.tap === state.step) || null;

/* As plumb's other formats group steps */
function moduleOf(tap) {
  const layer = tap.match(/^.*?layers\.[^.#@]*/);
  return layer ? layer[0] : tap.replace(/[#@].*$/, "").replace(/\.[^.]*$/, "");
}

function isShown(step) {
  return (state.show === "all" || step.verdict === state.show) &&
         (!state.module || moduleOf(step.tap) === state.module) &&
         step.tap.toLowerCase().includes(state.find.toLowerCase());
}

function titleOf(r) {
  if (r.case !== undefined) return r.case + " " + r.dump;
  return (r.command || []).slice(2).find(word => !word.startsWith("-")) || "plumb";
}

function sentenceOf(r) {
  if (r.error) return r.error;
  if (r.outcome === "nothing") return "Nothing could be graded.";
  if (r.first_bent) return "First bent step: " + r.first_bent;
  if (r.first_far) return `Every step is straight, and ${r.first_far} is farther off than honest passes are`;
  if (r.strict_failure) return "--strict: " + r.strict_failure;
  return "All " + r.steps.length + " steps are straight as " + r.class;
}

function number(value, digits = 3) {
  if (value === null || value === undefined) return "-";
  if (Number.isInteger(value)) return String(value);
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-2 || size >= 1e5)) return value.toExponential(digits - 1);
  return String(+value.toPrecision(digits));
}

/* el("p", { class: "soft" }, "text", node): text is always text, never markup */
function el(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter(child => child !== null));
  return element;
}

function svg(name, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const capitalised = text => text ? text[0].toUpperCase() + text.slice(1) : "";
const badge = verdict => el("span", { class: "badge " + verdict }, WORDS[verdict] || verdict);
const tap = name => el("span", { class: "tap" }, name);

function list(pairs) {
  const dl = el("dl");
  for (const [term, value] of pairs)
    if (value !== null && value !== undefined && value !== "") dl.append(el("dt", {}, term), el("dd", {}, value));
  return dl;
}
