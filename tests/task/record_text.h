/* A record as a text that tests can compare:
 *
 *     P:problem A:answer S:subject I:id L2 M:{meta}
 *     ref|att by author text:… answer:… correct [step+][step-][step0][step?]
 *     node 1<0 text + score=0.5 terminal correct pruned {meta}
 */
#ifndef TJ_TESTS_TASK_RECORD_TEXT_H
#define TJ_TESTS_TASK_RECORD_TEXT_H

#include "base/buf.h"
#include "task/task.h"

void record_text(tj_buf *out, const tj_data_record *record);
/* All records of a file, one after the other, refusals as "! field: reason". Fails the test where
 * the file cannot be opened. */
void file_text(tj_buf *out, const char *path, const tj_dataset_options *options);

#endif
