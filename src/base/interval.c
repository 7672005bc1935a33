/* Wilson 1927, "Probable inference, the law of succession, and statistical inference". */
#include "base/interval.h"

#include <math.h>

#include "base/assert.h"

void tj_wilson(double *low, double *high, size_t n_success, size_t n, double z)
{
    TJ_ASSERT(n > 0);
    TJ_ASSERT(n_success <= n);
    double count = (double)n;
    double p = (double)n_success / count;
    double scale = 1.0 + z * z / count;
    double centre = (p + z * z / (2.0 * count)) / scale;
    double half = z * sqrt(p * (1.0 - p) / count + z * z / (4.0 * count * count)) / scale;
    *low = n_success == 0 ? 0.0 : fmax(0.0, centre - half);
    *high = n_success == n ? 1.0 : fmin(1.0, centre + half);
}
