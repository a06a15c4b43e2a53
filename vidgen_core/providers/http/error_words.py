"""What providers write, in both languages: the words and names of codes by which ``answers`` judges.

The patterns are bounded everywhere, so that none can be kept busy by a long text. What is listed for *passing* decides about
money: only these words let a failed job be ordered again, and none of them counts where something else in the text blames
what was sent, or says *not*.
"""

from __future__ import annotations

import re
from typing import Any, Final


def _any(*alternatives: str) -> re.Pattern[str]:
    return re.compile("|".join(alternatives), re.IGNORECASE)


# --- what is wrong with what was sent -------------------------------------------------------------------------------

#: From many public clients; the union is wide on purpose, for a refused prompt must not be sent again.
MODERATION: Final = _any(
    "sensitive", "moderat", r"polic(?:y|ies)", "violat", r"\bsafety", "unsafe", "nsfw", "prohibited", "prominent people",
    "real[ _-]?(?:person|people|human|face)", r"\bfaces?\b.{0,30}(?:detect|recogni[sz]|not allowed|found)", "copyright",
    "flagged", "rejected by", r"\bfiltered\b", "raiMediaFiltered", "content_filter", "RiskDetection", "DataInspection",
    r"(?:could not|couldn['’]t|cannot|can['’]t|unable to|failed to) (?:be )?generated? .{0,60}\b(?:based on|for|from|with) (?:the|this|your) prompt",
    r"no (?:videos?|images?|pictures?) (?:could|can|was|were) (?:be )?generated", "re-?phras\\w{1,5} (?:the|your) prompt",
    "inappropriate", "guidelines", "explicit content", "offensive", "harmful", "celebrit", "likeness", "trademark",
    "审核(?!中|通过)", "敏感", "违规", "涉黄", "涉政", "涉暴", "风控", "真人", "人脸", "肖像", "不合规", "不适宜", "不当内容", "违反",
    "色情", "暴力", "血腥", "版权", "侵权", "内容安全", "无法根据.{0,12}(?:提示|描述).{0,8}生成",
)  # fmt: skip

IMAGE_UNWANTED: Final = _any(
    "unsafe image", r"image.{0,40}(?:sensitive|flagged|violat|moderat)", r"InputImage\w{0,20}Sensitive"
)

IMAGE_TROUBLE: Final = _any(
    r"(?:fetch|download|load|access|decode|open|retriev).{0,26}(?:image|picture)",
    r"image.{0,30}(?:could not be|cannot be|can't be|unable to be|failed to).{0,12}(?:fetch|download|load|decode)",
    "图片.{0,12}(?:下载|获取|读取|解析)失败",
)

_THING: Final = (
    r"(?:durations?|lengths?|sizes?|resolutions?|aspect[ _-]?ratios?|ratios?|dimensions?|prompts?|widths?|heights?|fps|"
    r"frame[ _-]?rate|seeds?|formats?|timeout|characters|pixels|words)"
)
_LOOSE_THING: Final = (
    r"(?:images?|pictures?|photos?|videos?|references?|param(?:eter)?s?|arguments?|fields?|values?|files?|inputs?|options?|model|"
    r"audio|content type|mime)"
)
_WRONG: Final = (
    r"(?:must|should|needs? to|has to|have to|too (?:long|short|large|small|big|wide|narrow|tall|high|low|many)|exceed|out of|outside|"
    r"beyond|not (?:be )?(?:supported|allowed|valid|accepted|permitted|available|within|in range|match|recogni[sz]ed|between|one of)|"
    r"unsupported|invalid|at (?:most|least)|no more than|less than|greater than|longer than|shorter than|larger than|over the|"
    r"between|maximum|minimum|max\b|(?<!/)min\b|limited to|limit of|mismatch|(?:doesn['’]t|don['’]t|does not|do not) match|required|missing|"
    r"malformed|incorrect|wrong|unknown|unrecogni[sz]ed|illegal|empty|not found in)"
)
#: A gap in which nothing is said about how often somebody asked.
_GAP: Final = r"(?:(?!rate|requests?|per minute|times|timed|quota|credit|balance).){0,60}"
#: A length, a size or a ratio is wrong: that stays so, whatever the status.
OUT_OF_RANGE: Final = _any(
    rf"\b{_THING}\b{_GAP}\b{_WRONG}",
    rf"\b(?:invalid|unsupported|illegal|incorrect|wrong|missing|exceed\w{{0,3}}|maximum|minimum|too (?:long|large|many|short)|reduce|shorten|"
    rf"lower|change|check|adjust)\b{_GAP}\b{_THING}\b",
    rf"\b(?:at most|at least|no more than|less than|more than|up to|only|limit\w{{0,3}}|allow\w{{0,3}}|support\w{{0,3}})\b{_GAP}\b{_THING}\b",
    r"\b(?:clips?|videos?|shots?|footage)\b(?:(?!retry|wait|again|after|every|per |rate|requests?|in \d).){0,40}\b\d{1,3} ?(?:s|secs?|seconds)\b",
    "is required", "must be one of", "must be (?:between|either|a |an |less|greater|at )", "out of range",
    "not within the range", "(?:is |are )?not supported", r"\bunsupported\b", r"\binvalid_?(?:param|value|input|format|argument|request)",
    "validation (?:error|failed)", "cannot be (?:null|empty|blank)", "length of", "not valid json", "unprocessable",
    "(?:时长|秒数|尺寸|大小|分辨率|比例|宽高比|画幅|提示词|字数|长度|格式|宽度|高度|帧率|种子|像素).{0,30}"
    "(?:必须|须为|应为|需要?为|不支持|超出|超过|过长|过短|过大|过小|过多|太长|太短|太大|不合法|非法|无效|有误|不匹配|不符|不一致|不能|不得|不可|"
    "限制|上限|至少|最多|最大|最小|错误|范围|之间)",
    "(?:不支持|超出|超过|无效的|非法的|错误的).{0,16}(?:时长|尺寸|分辨率|比例|宽高比|画幅|提示词|长度|格式|参数|字数)",
    "参数.{0,12}(?:错误|无效|不合法|非法|异常|有误|缺失|缺少|必须|不能)", "(?:缺少|缺失|无效|非法|错误).{0,8}参数", "不支持",
    "未指定模型名称", "不能为空", "必填",
)  # fmt: skip
#: The same of things that are also spoken of when somebody asks too often.
LOOSE_REQUEST: Final = _any(
    rf"\b{_LOOSE_THING}\b{_GAP}\b{_WRONG}",
    rf"\b(?:invalid|unsupported|illegal|incorrect|missing|unknown)\b{_GAP}\b{_LOOSE_THING}\b",
    "(?:图片|参考图|视频|素材|文件|音频|字段|输入).{0,20}(?:必须|不支持|超出|超过|过大|过小|太大|太小|不合法|非法|无效|有误|不匹配|不符|不一致|不能|错误)",
)

# --- keys and money -------------------------------------------------------------------------------------------------

BALANCE: Final = _any(
    r"insufficient.{0,20}(?:quota|balance|credits?|funds?|points|tokens)\b",
    r"\b(?:credits?|balance|funds|points|(?<!rate )quota)\b.{0,24}(?:insufficient|not enough|not sufficient|exhausted|used up|too low|empty|"
    r"depleted|run out|negative|overdue|is required|are required|below)",
    r"(?:not enough|not sufficient|no|low|out of|run out of|lack of|more|without) (?:\w{1,12} )?(?:credits?|balance|funds|points)\b",
    r"payment required", r"\barrears?\b", "arrearage", r"\boverdue\b", r"\btop[ -]?up\b", r"\brecharge\b", "exceeded your current quota",
    "billing (?:hard )?limit", "spending limit",
    r"\b(?:saldo|guthaben|solde|cr[eé]d(?:it|iti|itos?|its))\b.{0,24}(?:insuf|unzureichend|non suff|aufgebraucht|[eé]puis|agotad|esgotad|esaurit|nicht aus)",
    r"\b(?:insufi\w{1,8}|insuffi\w{1,8}|unzureichend\w{0,2}|nicht genug|pas assez de|sin) (?:\w{1,12} ){0,2}(?:saldo|guthaben|solde|cr[eé]dit\w{0,3})\b",
    "недостаточно (?:средств|кредит|баланс)", "(?:残高|クレジット|ポイント).{0,6}(?:不足|足り)", "(?:잔액|크레딧|포인트).{0,6}(?:부족|없)",
    "(?:余额|额度|积分|点数|算粒|资金|credits?).{0,6}(?:不足|不够|已用尽|用尽|已用完|耗尽|为零|已耗尽)", "欠费", "请.{0,4}充值", "账户已透支",
)  # fmt: skip
KEY: Final = _any(
    r"(?:invalid|incorrect|wrong|expired|unknown|revoked|disabled) (?:api[ _-]?)?(?:key|token|credentials?)\b(?! (?:count|limit))",
    r"\bapi[ _-]?key\b.{0,24}(?:invalid|expired|not (?:found|valid)|incorrect|revoked|disabled|missing)",
    r"\b(?:cl[eé]s?|clave|chave|chiave) (?:de |d['’])?(?:l['’])?api\b", r"\bapi[ -]?(?:schlüssel|nøkkel|sleutel|anahtar)", "api[ -]?(?:キー|키|ключ)|(?:ключ|キー|키) api", "密鑰.{0,6}(?:無效|錯誤|過期)",
    r"\bunauthori[sz]ed\b", "authentication (?:failed|error|required)", "(?:密钥|令牌).{0,6}(?:无效|错误|过期|不存在|已失效)", "无效的(?:密钥|令牌)",
)  # fmt: skip

# --- what passes ----------------------------------------------------------------------------------------------------

RATE: Final = _any(
    r"\brate.?limit", "too many requests", r"requests? (?:per|a) (?:second|minute|hour|day)", r"(?:call|request) frequency",
    "(?:too many|maximum|max) (?:concurrent|parallel|simultaneous)", r"concurren\w{1,6}.{0,20}(?:limit|exceed|reached)", "throttl",
    "请求数限制", "请求(?:过于|太)频繁", "频率.{0,6}(?:过高|限制|超)", "并发.{0,8}(?:超|限制|上限|过高)", "限流",
)  # fmt: skip
CAPACITY: Final = _any(
    "负载已饱和", "负载过高", "负载(?:已|过)?满", r"\boverload", "high demand", r"(?:server|service|system|model)s? (?:is|are) (?:\w{1,12} )?busy",
    r"\b(?:at|no|out of|over|insufficient|not enough|lack of|limited) (?:\w{1,12} )?(?:capacity|resources)\b",
    r"\bcapacity\b.{0,24}(?:exceeded|exhausted|reached|limit|full|unavailable)", r"resources?.{0,3}exhausted",
    r"\bservice (?:is )?(?:currently |temporarily )?unavailable", "temporarily unavailable", r"\bqueue is full", r"no (?:available|free|idle) (?:\w{1,12} )?"
    r"(?:workers?|gpus?|machines?|servers?|channels?|nodes?|instances?|accounts?)", "too busy", "under maintenance",
    "(?:系统|服务|服务器|模型|上游|通道).{0,6}(?:繁忙|忙碌|拥挤|不可用|维护)", "(?:算力|资源|容量).{0,4}(?:不足|已满|紧张)", "排队(?:人数|任务)过多", "队列已满",
    "无可用(?:渠道|通道|节点)", "高峰",
)  # fmt: skip
_TIMED_OUT: Final = _any(
    r"\btimed[ -]?out\b", r"(?<![`'\"“_.=\w])time-?out\b(?!['\"`”_=:]|[ ,]{1,3}(?:values?|param|settings?|fields?|options?|argument|must|should|needs?|is|was|of|cannot|may|out|you|between|header))",
    r"\bdeadline exceeded", r"\btime limit (?:was |has been |is )?(?:exceeded|reached)", r"(?:took|taking) too long", "gateway time-?out",
    "(?<!参数)(?<!设置)超时(?!时间|参数|设置|必须|不能|应|值)",
)  # fmt: skip
_INTERNAL: Final = _any(
    r"\binternal[ _](?:\w{1,16} ){0,2}(?:error|failure|exception|fault)", r"\bserver (?:side )?(?:error|exception|failure)",
    r"\b(?:system|backend|service|upstream|worker|network|gateway|infrastructure) (?:\w{1,12} )?(?:error|exception|failure|crash\w{0,3})\b",
    r"\b(?:server|system|service|backend|worker|upstream|model) (?:has |had |encountered )(?:an? )?(?:\w{1,12} )?(?:error|problem|issue|exception)\b",
    r"\b(?:worker|node|gpu|instance|process|pod)s? (?:\w{1,12} )?(?:died|crash\w{0,3}|lost|restart\w{0,3}|was killed|preempted|went away)", "bad gateway",
    r"\bconnection (?:\w{1,8} )?(?:reset|refused|lost|closed|aborted|error)", r"\btemporary (?:error|failure|problem|outage)", "out of memory", r"\boom\b",
    r"\bunexpected (?:server |internal )?error", "(?:内部|系统|服务器?|服务端|后端|上游(?:服务)?|网关|网络).{0,4}(?:错误|异常|故障|出错)", "临时故障",
)  # fmt: skip
#: Said before one of these words, it takes it back.
_NOT: Final = re.compile(
    r"(?:\b(?:not|no|never|isn['’]t|wasn['’]t|neither|nor|without|rather than|instead of|unrelated to)\b|n['’]t\b|不是|并非|非|没有|并无|未|无)"
    r"[ ]{0,2}(?:an?|any|the|a|due to|caused by|because of|related to|really|由于|因为)?[ ]{0,2}(?:an?|any|the)?[ ]{0,2}$",
    re.IGNORECASE,
)
#: These speak of waiting, not of what was sent: taken out before a text is searched for blame.
_CLOCKS: Final = _any(
    r"(?:deadline|time limit|capacity|rate limit|timeout|queue) (?:\w{1,8} )?exceeded", r"exceed\w{0,3} (?:the |its |our )?(?:\w{1,12} )?(?:time ?limit|deadline|timeout|capacity|waiting time)",
    "超过.{0,10}(?:时间|秒|分钟|小时|时限)", "please try again (?:later)?", "should be (?:back|fixed|resolved)\\w{0,8}", "no action (?:is )?required",
)  # fmt: skip
#: What a picture or a video is measured by; none of it changes by waiting.
_MEASURES: Final = _any(
    r"\b(?:lengths?|durations?|aspect|ratios?|resolutions?|dimensions?|fps|frame ?rates?|(?<!queue )(?<!pool )(?<!batch )sizes?)\b", "时长|比例|分辨率|尺寸|帧率",
    r"\b(?:durée|duración|duração|durata|dauer|länge|auflösung|seitenverhältnis|tamaño|tamanho|taille|résolution|resoluci[oó]n|resolução|proporción)",
    "größe", "длительност|разрешени|соотношени|размер", "長さ|秒数|サイズ|解像度|比率|プロンプト", "길이|크기|해상도|비율|프롬프트",
)  # fmt: skip
#: Words with which a text speaks of what was sent: then no other word in it makes it a thing that passes.
_BLAME: Final = _any(
    r"\b(?:must|should|not allowed|invalid|unsupported|not supported|exceed\w{0,3}|violat\w{1,6}|prohibit\w{0,3}|forbidden|disallowed|required|"
    r"missing|mismatch\w{0,3}|rephrase|reword|shorten|crop|resize|re-?upload|blurry|watermark\w{0,3}|low quality|unreadable|corrupt\w{0,3})\b",
    r"\b(?:detected|contains?|containing|shows?|depicts?)\b.{0,40}\b(?:in|your|the)?\b",
    r"\b(?:appears?|appearing|found|visible|present|depicted|seen|shown) in (?:the |your |this )?(?:\w{1,12} )?(?:frame|image|picture|photo|prompt|reference|input|video|clip)",
    r"\b(?:a minor|minors|under-?aged?|child(?:ren)?)\b",
    r"\btoo (?!many requests|busy|long to|much load|many (?:users|jobs|tasks))\w{2,12}\b", r"\b(?:does|do|did) ?(?:not|n['’]t) (?:match|fit|meet|comply|conform)",
    r"\bplease (?:use|provide|upload|choose|select|check|change|reduce|lower|remove|adjust|modify|edit|revise|simplify|replace|try (?:a |an )?(?:different|other|another))",
    r"\b(?:different|another|other) (?:prompt|image|picture|photo|reference|video|input)",
    r"\b(?:because of|due to|caused by|problem with|issue with|error in|about) (?:the |your |this )?(?:\w{1,12} )?(?:prompt|image|picture|photo|reference|input|content|request|subject|character)",
    r"\byour (?:\w{1,12} )?(?:prompt|image|picture|photo|reference|input|content|video|text|audio|file|script|character)",
    "不允许", "必须", "无效", "过长", "过大", "超出", "检测到", "包含", "含有", "缺少", "不匹配", "不符", "不清晰", "模糊", "水印",
    "请(?:修改|更换|调整|缩短|检查|使用|重新上传|简化|删除|去除|换|优化)", "您的(?:提示词|图片|描述|内容|素材|参考图)", "你的(?:提示词|图片|描述|内容|素材|参考图)",
)  # fmt: skip


def _stem(word: str) -> str:
    """A word without the endings that mean the same."""
    return re.sub(r"(?:ions?|ings?|ed|es|e|d|s|ly|er|ers)$", "", word)


def _stems(words: str) -> frozenset[str]:
    return frozenset(map(_stem, words.split()))


#: With these a provider speaks of itself, of waiting and of the order as a whole, and of nothing that was sent.
_ITSELF: Final = _stems(
    "a abnormal abort about accept account acquire acquiring across action admin administrator after again agent aliyun all allocate allocation "
    "already an another any api appear are assistance at attempt available aware aws azure backend bad balancer batch be because been before "
    "being boot bootstrapping broke broken busier busy but by cache call can canceled cancelled cannot capacity case cause channel charge charged "
    "closed cloud cluster code cold come complete concurrency condition connect contact container core could count cpu crash create credit "
    "crowded cuda currently customer data database dead deadline degraded delay demand deploying desk detail device did disconnected disk "
    "dispatch dispatched dispatcher distributor dns do down downstream drop dropped due dump during either else encountered end ended engine "
    "engineers eof err error every evicted eviction exceed exceeded exception exhausted exit experience experiencing expire external fail failure "
    "farm fatal fault fetch few finish fixed for free from full gateway gb gemini generate get gib give gone google got gpu group grpc had hailuo "
    "handle happen have he heartbeat heavy help here high host hour http i idle if in incident inference infrastructure initialization initialize "
    "initializing instance instead interface internal interrupted into investigating invocation issue issued it job just killed killer kling lane "
    "large later lease like limit line load loaded lock log long lost lot luma machine made maintenance make manager many maximum may mb me "
    "memory message mib might minimax minute missed model moment more most much name nccl need needed network next no node none normal normally "
    "not now number occur occurred of off offline ok on once oom oomkilled openai operation or other our out outage over overload overloaded "
    "overwhelmed patience peak peer pending per period phase pika ping pipeline platform please pod pods pool predict preempted present problem "
    "process processed produce progress provider proxy python queue quickly rate reach read ready reason receive reclaimed recover recovered "
    "redis ref refund refunded refused region registered released render rendered replica report request reset resolved resource respond "
    "responded response restart result resume retried retry return right rpc run running runtime runway s same saturated schedule sec second "
    "seconds seedance segmentation send sending sent server service session shard shortly shut shutdown side signal since slot slots slow so "
    "socket some something soon sora sorry spike spot stack stage start state status step still stopped storage stream stuck submit submitted "
    "succeed success such support system task tcp team technical temporarily temporary terminated than that the their there these they this those "
    "thread threads throttled ticket time timeout tls to too took tool total trace traceback traffic transient tried trouble try type unable "
    "unavailable under unexpected unexpectedly unhandled unknown unreachable unresponsive until up upstream url us usage used usual usually "
    "vendor veo vertex video vidu volume vram wait wan warm was we went were when where which while will window with within without work would "
    "wrong yet you your gi mi zone"
)  # fmt: skip
_LATIN: Final = re.compile("[A-Za-z0-9_]+")
_NAMES: Final = _any(
    # Marks of programs, and what is named behind *model* or *group*.
    r"\b(?:model|channel|group|region|node|worker|host|server|trace|request|task|job)s?(?: id| name)?[ :=#]{1,3}[\w.:/-]{0,80}\d[\w.:/-]{0,80}",
    r"\bE[A-Z]{5,12}\b|\bSIG[A-Z]{3,5}\b|n['’]t\b|['’](?:s|re|ve|ll)\b",
)  # fmt: skip
_ITSELF_ZH: Final = _any(
    "请稍[后候]|请?(?:重新|再次|再)?(?:重试|提交|尝试|试)|稍[后候]|联系|管理员|客服|技术支持|反馈|我们|抱歉|对不起|错误码?|异常|故障|失败|失效|超时|出错|繁忙|忙碌|拥挤|拥堵|"
    "火爆|负载|饱和|过高|过载|过大|人数|用户|过多|较多|太多|排队|队列|等待|算力|资源|容量|显存|内存|显卡|集群|机器|不足|不够|耗尽|已满|紧张|不可用|可用|维护|系统|服务[器端]?|模型|上游|下游|"
    "内部|外部|网络|网关|节点|后端|接口|数据库|缓存|渠道|通道|分组|线程|进程|任务|作业|取消|请求|响应|返回|结果|处理|生成|视频|渲染|推理|执行|运行|调用|连接|断开|中断|重置|关闭|崩溃|重启|获取|未知|"
    "临时|暂时?|短暂|出现|发生|遇到|导致|原因|由于|因为?|代码|编号|序列?号|信息|详情|状态|无法|未能?|不能|没有?|无|当前|目前|正在|已经?|达到|超过|超出|上限|限流|限制|频率|频繁|并发|高峰期?|时间|时长?|"
    "分钟|小时|秒钟?|天|积分|点数|退[还款回]|返还|费用|扣[费除]|后|前|再|中|内|的|了|或|和|与|在|是|被|为|下|个|次|很|较|过|长|所有|全部|部分|该|此|本|您|请|到|码|吧|哦|呢",
)  # fmt: skip


def speaks_of_itself(text: str) -> bool:
    """Whether every word is one with which a provider speaks of itself; a word that nobody knows may be about what was sent."""
    # Names of errors are words written together.
    rest = _NAMES.sub(" ", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text))
    words = [word for word in _LATIN.findall(rest.lower()) if len(word) > 1 and word.isalpha()]
    if not all(_stem(word) in _ITSELF for word in words):
        return False
    return not any(map(str.isalpha, _LATIN.sub(" ", _ITSELF_ZH.sub(" ", rest))))


def timed_out(text: str) -> bool:
    """Whether the provider, or what stands behind it, ran out of time."""
    return _says(_TIMED_OUT, text)


def short_of_capacity(text: str) -> bool:
    """Whether there was no room at the moment."""
    return _says(CAPACITY, text) or _says(RATE, text)


def internal(text: str) -> bool:
    """Whether the provider names an error of its own."""
    return _says(_INTERNAL, text)


def _says(pattern: re.Pattern[str], text: str) -> bool:
    """Whether the words stand there, and nowhere with a *not* before them."""
    found = [not _NOT.search(text[max(0, one.start() - 40) : one.start()]) for one in pattern.finditer(text)]
    return bool(found) and all(found)


def measures(text: str) -> bool:
    """Whether a text speaks of the length, size or shape of what was sent."""
    return _MEASURES.search(text) is not None


def blames(text: str) -> bool:
    """Whether anything in the text speaks of what was sent."""
    rest = _CLOCKS.sub(" ", text)
    return any(pattern.search(rest) for pattern in (_BLAME, _MEASURES, MODERATION, OUT_OF_RANGE, IMAGE_TROUBLE))


# --- taken after all ------------------------------------------------------------------------------------------------

_TAKEN: Final = _any(
    r"\b(?:in|into|to|joined|entered) (?:the |our |a |your )?(?:\w{1,12} )?queue\b", r"\bqueu(?:ed|ing)\b", r"\bqueue position",
    r"\b(?:ahead of|behind) (?:you|your|others)", r"\bin line\b", "waiting list", r"\baccepted\b", r"\bsubmitted\b", r"\breceived\b",
    r"\bprocessing\b", r"\bin progress\b", r"\bpending\b", r"\bscheduled\b", r"\bcreated\b", r"\bstarted\b", r"\brunning\b", r"\bgenerating\b",
    r"\bbeing (?:processed|generated|reviewed|prepared|made)", r"\bunder review\b", r"\b(?:success|succeeded|successful|successfully)\b", r"\bplease wait\b",
    r"\bwill be (?:processed|generated|ready|delivered|started)", r"\bunder ?way\b", r"\bon its way\b", r"\balready exists?\b", r"\bduplicate (?:request|task|order)",
    r"^\s*(?:ok|okay|done|good|fine)\W{0,3}$", "排队", "队列中", "处理中", "审核中", "生成中", "进行中", "已提交", "提交成功", "已接收", "已受理", "受理成功", "已创建", "创建成功", "成功", "请(?:耐心)?等待", "稍候查看",
    "已加入", "已收到", "任务已", "正在",
)  # fmt: skip
_NOT_TAKEN: Final = _any(
    r"\b(?:not|never|cannot|can['’]t|could not|couldn['’]t|isn['’]t|wasn['’]t|unable to|failed to|without|no) (?:be |been |yet |was )?\w{3,12}", r"\bun(?:successful|processed|accepted)",
    r"\bqueue (?:is |was )?full", r"(?:error|failed|failure) (?:while |when |in |during )?(?:processing|generating|creating)", r"processing (?:error|failed)",
    "(?:未|不|没有?)(?:能|被)?(?:成功|提交|受理|接收)", "排队(?:人数|任务)过多", "队列已满",
)  # fmt: skip


def under_way(text: str) -> bool:
    """Whether a text can mean that an order was taken: it waits, is reviewed, is being made."""
    return _TAKEN.search(_NOT_TAKEN.sub(" ", text)) is not None


# --- names of machine codes, in small letters and without separators ------------------------------------------------

MODERATION_CODE: Final = _any(
    "sensitive", "moderat", "policyviolation", "contentpolicy", "usagepolicy", "safety", "prohibited", "mediafiltered", "contentfilter", "filtered$",
    "riskdetect", "datainspection", "nsfw", "realface", "realperson", "copyright", "promptblocked", "blockedprompt", "contentblocked", "unsafe",
)  # fmt: skip
BALANCE_CODE: Final = _any(
    "insufficient(?:user)?(?:quota|balance|credit|fund|point)", "(?:quota|balance|credit|fund)s?(?:insufficient|notenough|exhausted|empty)", "notenough(?:quota|balance|credit|fund)",
    "arrearage", "overdue", "outofcredit", "nocredit", "paymentrequired", "billing(?:hard)?limit",
)  # fmt: skip
KEY_CODE: Final = _any(
    "(?:invalid|incorrect|expired|revoked)(?:api)?key", "invalid(?:access)?token", "unauthori[sz]ed", "unauthenticated", "auth(?:entication)?(?:error|fail|required)",
    "invalidcredential",
)  # fmt: skip
RATE_CODE: Final = _any(
    "ratelimit", "toomanyrequests", "requestlimit", "throttl", "concurrencylimit", "concurrentlimit"
)
CAPACITY_CODE: Final = _any(
    "overload",
    "(?:server|model|system|service)busy",
    "serviceunavailable",
    "capacity(?:exceeded|exhausted|limit)",
    "resourceexhausted",
    "unavailable$",
)
PARAMETER_CODE: Final = _any(
    "invalid(?:param|argument|input|value|field|size|duration|ratio|aspectratio|resolution|image|prompt|format|body)", "(?:param|argument|validation|value)(?:eter)?s?error",
    "missing(?:param|required|field)", "(?:param|argument|field)(?:eter)?(?:invalid|missing|required)", "unsupported(?:param|model|size|format|value|duration|ratio|media)", "outofrange",
    "(?:too|string)(?:long|large|above)", "toolong$", "toolarge$", "unprocessableentity", "bad(?:request|userinput)", "durationexceed", "sizeexceed", "promptexceed",
)  # fmt: skip
INTERNAL_CODE: Final = _any(
    "internal(?:server|service|system)?(?:error|failure|exception)",
    "^servererror$",
    "^systemerror$",
    "gatewaytimeout",
    "^timeout$",
    "deadlineexceeded",
    "^backenderror$",
)

_BARE_ID: Final = re.compile(r"[!-~]{4,400}")


def bare_id(value: Any) -> str | None:
    """The id that stands alone where an object is usual; a word or a link is none."""
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    looks = (
        _BARE_ID.fullmatch(text)
        and any(map(str.isdigit, text))
        and "://" not in text
        and not text.startswith(("{", "[", "<"))
    )
    return text if looks else None
