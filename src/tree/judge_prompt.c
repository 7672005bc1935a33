/* What a judge is asked, in words of ours. */
#include "tree/judge.h"

#define PLACES                                                                                     \
    "<problem>\n"                                                                                  \
    "{{problem}}\n"                                                                                \
    "</problem>\n"                                                                                 \
    "\n"                                                                                           \
    "<steps>\n"                                                                                    \
    "{{steps}}\n"                                                                                  \
    "</steps>\n"                                                                                   \
    "\n"                                                                                           \
    "<next_step>\n"                                                                                \
    "{{step}}\n"                                                                                   \
    "</next_step>\n"                                                                               \
    "\n"

static const char english[] =
    "You check the solution of a problem step by step. Below are the problem, the steps so far, "
    "and the next step. Judge that next step and nothing else: take the steps before it as they "
    "are, do not mend it, and do not solve the problem.\n"
    "\n"
    "Your verdict is\n"
    "   1  if the step is right: its calculations and claims are true, and it follows from the "
    "problem and the steps before it;\n"
    "  -1  if it is wrong: a calculation or a claim in it is false, or it does not follow;\n"
    "   0  if it is neither: it says nothing that could be right or wrong, or nobody could tell.\n"
    "\n" PLACES
    "Answer with one JSON object of exactly this form, and nothing before or after it:\n"
    "{\"reason\": \"one or two sentences that say why\", \"verdict\": 1}\n"
    "where verdict is 1, 0 or -1.";

static const char japanese[] =
    "あなたは問題の解答を一歩ずつ検査します。以下に問題、これまでのステップ、次のステップを示し"
    "ます。次のステップだけを判定してください。それ以前のステップはそのまま受け入れ、ステップを"
    "直したり、問題を解いたりしないでください。\n"
    "\n"
    "判定は次のとおりです。\n"
    "   1  正しい: 計算も主張も真であり、問題とこれまでのステップから導かれる。\n"
    "  -1  誤り: 計算や主張に偽があるか、導かれない。\n"
    "   0  どちらでもない: 正誤を問える内容がないか、誰にも判断できない。\n"
    "\n" PLACES "次の形の JSON オブジェクトを一つだけ書き、その前後には何も書かないでください。\n"
    "{\"reason\": \"理由を一、二文で\", \"verdict\": 1}\n"
    "verdict は 1、0、-1 のいずれかです。";

const char *tj_judge_prompt(tj_language language)
{
    return language == TJ_JAPANESE ? japanese : english;
}
