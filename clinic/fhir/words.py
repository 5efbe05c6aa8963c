"""Words that make a resource sensitive: the fallback where a code is absent or of a system that is not in the tables.

English stems, searched in any text of the resource in lower case. They err on the strict side.
"""

import re
from typing import Final

from scheme.scopes import Category

MENTAL_HEALTH_WORDS: Final = re.compile(
    # disorders and states
    r"(?<!\bst )(?<!\bst-)(?<!segment )(?<!respiratory )(?<!marrow )depress(?!ed fracture|ed skull)|anxi(?:et|ou|ol)"
    r"|psych|suicid|self[- ]harm|bipolar|schizo|\bmental\b|\bmania\b|\bmanic\b|\bpanic\b|obsessive"
    r"|post[- ]?traumatic stress|\bptsd\b|attention[- ]deficit|\badhd\b|hyperactiv|inattention"
    r"|autis[mt]|bulimi|anorexia nervosa|eating disorder"
    r"|dementia|demential|alzheimer|cognitive"
    # substance use and violence
    r"|alcohol|overdos|addict|detoxif|drug rehab|substance[- ](?:use|abuse|misuse)|opioid (?:use|abuse|depend)"
    r"|abuse(?!-deterrent)|cannabis|cocaine|heroin|amphetamin|domestic violence|intimate partner violence|battered"
    # instruments
    r"|\bphq\b|\bphq-?\d|\bgad-?\d|\baudit-c\b|\bmmse\b|\bmoca\b"
    # medicines: antidepressants, antipsychotics, anxiolytics, stimulants, antidementia, addiction
    r"|fluoxetine|sertraline|citalopram|paroxetine|fluvoxamine|venlafaxine|duloxetine|bupropion|mirtazapine|trazodone"
    r"|triptyline|lithium carb|quetiapine|olanzapine|risperidone|aripiprazole|haloperidol|clozapine|ziprasidone"
    r"|azepam\b|azolam\b|buspirone|methylphenidate|atomoxetine|donepezil|galantamine|memantine|rivastigmine|methadone"
    r"|buprenorphine|naltrexone|naloxone|disulfiram|acamprosate"
)

REPRODUCTIVE_WORDS: Final = re.compile(
    # pregnancy and birth
    r"pregnan|gravid|(?:pre|ante|post|peri|neo)natal|\bantepartum|\bpostpartum|fetal\b|fetus|foetal\b|foetus|obstetr"
    r"|midwi[fv]|miscarr|stillb|abortion|eclampsia|gestation|\bbirth\b|childbirth|\blabou?r\b|episiotomy"
    r"|c(?:a|ae|e)sarean|amniotic|placent|blighted ovum|embryo|breast[- ]?feed|chorionic gonadotropin|\bhcg\b"
    # organs, fertility, contraception
    r"|gyn(?:a|ae|e)colog|uterus|uterine|vagina|tubal|ovulat|menstru|menopaus|fertility|vasectom|sterili[sz]ation"
    r"|semen anal|contracept|estradiol|norgestrel|norethindrone|norethisterone|drospirenone|etonogestrel"
    r"|medroxyprogesterone|mestranol|desogestrel|norgestimate|ulipristal|mifepristone|misoprostol"
    r"|clomiphene|(?:28|91|21) day pack|nuvaring"
    # sexual health
    r"|sexual|syphilis|gonorrh|gonococc|chlamydia|genital|\bhiv\b|human immunodeficiency|acquired immun"
)


def sensitive_words(text: str) -> Category | None:
    """Mental health or reproductive (the former where both), when the text says so; else None."""
    text = text.lower()
    if MENTAL_HEALTH_WORDS.search(text):
        return Category.MENTAL_HEALTH
    return Category.REPRODUCTIVE if REPRODUCTIVE_WORDS.search(text) else None
