"""Scripts that tests use."""

from __future__ import annotations

#: About two pages.
LIGHTHOUSE = """《灯塔》

编剧：林夕

第一场 外景 海边 黄昏
时间：傍晚
人物：老陈、小满

△海浪拍打礁石，灯塔在暮色里亮起第一束光。老陈提着一盏旧灯，沿着石阶慢慢往上走。
小满（喘气）：爷爷，等等我！
老陈：慢点，台阶滑。
他停下来，回头伸出手。

第二场 内景 灯塔 夜
灯室里堆满旧信。小满拿起一封，轻轻吹掉灰尘。
小满：这些信，都是写给谁的？
老陈沉默了很久……“写给没回来的人。”他说。
窗外一道闪电。灯灭了！

第3场 外景 海面 夜
一艘小船在浪里起伏，船上的人举着火把。
船员（大喊）：灯呢？灯塔的灯呢？

第4场 内景 灯塔 夜
老陈划亮火柴，一根，两根，三根。火苗映着他的脸。
小满把所有的信撕开，一张张递给他。
老陈：不，信不能烧。
小满：爷爷，他们要回来了。
老陈闭上眼睛，把第一封信放进火里。火光一下子亮了起来。

切至：
第5场 外景 海面 黎明
小船靠岸。船员们跳下船，朝灯塔跑来。
海面上升起太阳。
全剧终
"""

SCREENPLAY = """FADE IN:

INT. HOUSE - NIGHT

Mr. Smith walks in at 3.5 mph. He stops.

SMITH (O.S.)
(whispering)
Is anyone here? I can't see.

A shadow moves.

CUT TO:

EXT. GARDEN - DAWN

The gate stands open.
"""
