import { type Report, REPORT_VERSION, type SoakReport } from "./report.ts";

/**
 * Reads a saved report.
 *
 * @param text Its JSON.
 * @param file Where it is from, for messages.
 * @returns The report.
 * @throws {SyntaxError} If it is none, or one of another version.
 */
export function parseReport(text: string, file: string): Report {
  return parse(text, file, "cases") as Report;
}

/**
 * Reads the saved report of a soak.
 *
 * @param text Its JSON.
 * @param file Where it is from, for messages.
 * @returns The report.
 * @throws {SyntaxError} If it is none, or one of another version.
 */
export function parseSoakReport(text: string, file: string): SoakReport {
  return parse(text, file, "resident") as SoakReport;
}

/** Whoever saved it is trusted with what is in it, but not with having named the right file. */
function parse(text: string, file: string, key: string): unknown {
  let report;
  try {
    report = JSON.parse(text);
  } catch (error) {
    throw new SyntaxError(`Cannot read report '${file}': it is not JSON`, { cause: error });
  }
  if (report?.version !== REPORT_VERSION || !Array.isArray(report[key])) {
    throw new SyntaxError(
      `Cannot read report '${file}': it must have '${key}' and be of version ${REPORT_VERSION}, current value is ${report?.version}`,
    );
  }
  return report;
}
