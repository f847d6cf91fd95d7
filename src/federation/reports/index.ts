/** What authors are told of their mail at other homes. */
export { DeliveryReports, type ReportEvents } from './delivery-reports.ts';
