/* usage_report.h - the report of a command line that is no use
 *
 *     usage_report_begin("grade", argv + 1);
 *     parse_arguments(..);        ends the program after bad usage; then --json FILE gets a report that says so
 *     usage_report_end();
 *
 * argp writes its line to stderr and ends the program, so the line is caught on its way.
 */
#ifndef PLUMB_USAGE_REPORT_H
#define PLUMB_USAGE_REPORT_H

void usage_report_begin(const char *kind, char **arguments); /* NULL-terminated; they must outlive the end */
void usage_report_end(void);

#endif
