import "./style.css";
import { read } from "./data";
import { histogram } from "./histogram";

const data = read();

for (const figure of Array.from(document.querySelectorAll<HTMLElement>("figure[data-chart]"))) {
  const e = data.endpoints[Number(figure.dataset.endpoint)];
  if (figure.dataset.chart === "histogram") {
    figure.hidden = false;
    histogram(figure, data, e, () => "");
  }
}
