/* What the server shares with the service besides web.h. */
#ifndef TJ_WEB_SERVICE_H
#define TJ_WEB_SERVICE_H

#include "web/metrics.h"
#include "web/web.h"

/* Lends its counters; requests by route are the server's to count. */
tj_metrics *tj_service_metrics(tj_service *service);

#endif
