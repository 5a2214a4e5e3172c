// Charts, as SVG: lines over a common axis, and points.

import { useEffect, useRef, useState } from "preact/hooks";
import { number } from "../format";

export interface Series {
  name: string;
  colour: string; // a token of the theme
  dashed?: boolean;
  points: { x: number; y: number; title?: string; href?: string }[];
  dots?: boolean;
}

// ticks returns round values that cover a range; binary: that are round where one counts in KiB and MiB.
export function ticks(low: number, high: number, about: number, binary = false): number[] {
  if (!(high > low)) {
    const pad = Math.abs(low) || 1;
    low -= pad / 2;
    high += pad / 2;
  }
  const rough = (high - low) / Math.max(1, about);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = binary ? 2 ** Math.ceil(Math.log2(rough)) : ([1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough);
  const out: number[] = [];
  for (let v = Math.floor(low / step) * step; v < high + step * 0.999; v += step) out.push(Number(v.toPrecision(12)));
  return out;
}

export function useWidth(): [preact.RefObject<HTMLDivElement | null>, number] {
  const ref = useRef<HTMLDivElement>(null);
  const [width, set] = useState(0);
  useEffect(() => {
    const el = ref.current;
    if (!el) return;
    const measure = () => set(el.clientWidth);
    measure();
    const watch = new ResizeObserver(measure);
    watch.observe(el);
    return () => watch.disconnect();
  }, []);
  return [ref, width];
}

interface Options {
  label: string; // what is shown, for those who do not see it
  series: Series[];
  height?: number;
  x?: (v: number) => string;
  y?: (v: number) => string;
  zero?: boolean; // begin at 0
  binary?: boolean; // y is in bytes
}

export function Chart({ label, series, height = 180, x = number, y = number, zero = false, binary = false }: Options) {
  const [ref, width] = useWidth();
  const all = series.flatMap((s) => s.points);
  const ys = all.map((p) => p.y);
  const xs = all.map((p) => p.x);
  const yt = ticks(zero ? Math.min(0, ...ys) : Math.min(...ys), Math.max(...ys), Math.max(2, height / 50), binary);
  const [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  const [y0, y1] = [yt[0]!, yt.at(-1)!];
  const left = Math.max(...yt.map((v) => y(v).length)) * 6.4 + 12;
  const [top, right, bottom] = [8, 12, 22];
  const px = (v: number) => left + (x1 > x0 ? (v - x0) / (x1 - x0) : 0.5) * (width - left - right);
  const py = (v: number) => top + (1 - (v - y0) / (y1 - y0 || 1)) * (height - top - bottom);
  const xt = x1 > x0 ? ticks(x0, x1, width / 130).filter((v) => v >= x0 && v <= x1) : [x0];
  if (all.length === 0) return <p class="muted">There is nothing to draw.</p>;
  return (
    <div ref={ref} style={{ minHeight: `${height}px` }}>
      {width > 0 ? (
        <svg class="chart" width={width} height={height} role={all.some((p) => p.href) ? "group" : "img"} aria-label={label}>
          {yt.map((v) => (
            <g>
              <line class="axis" x1={left} x2={width - right} y1={py(v)} y2={py(v)} />
              <text x={left - 6} y={py(v) + 4} text-anchor="end">
                {y(v)}
              </text>
            </g>
          ))}
          {xt.map((v) => (
            <text x={px(v)} y={height - 6} text-anchor="middle">
              {x(v)}
            </text>
          ))}
          {series.map((s) => (
            <g>
              {s.points.length > 1 ? (
                <polyline
                  points={s.points.map((p) => `${px(p.x).toFixed(1)},${py(p.y).toFixed(1)}`).join(" ")}
                  fill="none"
                  stroke={`var(--${s.colour})`}
                  stroke-width="1.7"
                  stroke-dasharray={s.dashed ? "5 4" : undefined}
                />
              ) : null}
              {s.dots || s.points.length === 1
                ? s.points.map((p) => {
                    const dot = (
                      <circle cx={px(p.x)} cy={py(p.y)} r="4" fill={`var(--${s.colour})`}>
                        <title>{p.title ?? `${x(p.x)}: ${y(p.y)}`}</title>
                      </circle>
                    );
                    return p.href ? (
                      <a href={p.href} aria-label={p.title ?? ""}>
                        {dot}
                      </a>
                    ) : (
                      dot
                    );
                  })
                : null}
            </g>
          ))}
        </svg>
      ) : null}
    </div>
  );
}
