/** What authors are told of their mail at other homes. */
export type { DeliveryReport } from './delivery-report.ts';
export { DeliveryReports, type ReportEvents } from './delivery-reports.ts';
