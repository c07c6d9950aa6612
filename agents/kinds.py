"""Names that logs have for what limner calls a view, a purchase, a favourite: `pv`, `addtocart`, `thumbs_up`, 加购."""

from __future__ import annotations

import re
from functools import lru_cache

from agents.signals import KNOWN_KINDS

_NAMES = {
    "view": "pv views viewed pageview pageviews productview itemview viewitem viewproduct browse browsed visit visited "
    "浏览 查看",
    "impression": "impressions shown exposure exposed 曝光 展示",
    "click": "clicks clicked clickthrough 点击",
    "purchase": "purchases purchased buy buys bought transaction transactions sale sold checkout paid "
    "购买 下单 成交 支付 交易",
    "order": "orders ordered orderplaced placeorder 订单",
    "cart": "addtocart addcart cartadd addtobasket addtobag basket 加购 加入购物车",
    "remove": "removed removefromcart cartremove removefrombasket 移出购物车",
    "favorite": "fav favs favorites favorited favourites favourited addtofavorites addtofavourites star starred "
    "collect collected saved 收藏",
    "wishlist": "addtowishlist wish 心愿单",
    "like": "likes liked thumbsup thumbup upvote upvoted upvotes heart 点赞 赞 喜欢",
    "dislike": "dislikes disliked thumbsdown thumbdown downvote downvoted downvotes 点踩 踩 不喜欢",
    "rating": "rate rates rated ratings score scored scores 评分 打分",
    "review": "reviews reviewed 评论 评价 点评",
    "comment": "comments commented 留言",
    "search": "searches searched query queries 搜索 检索",
    "play": "plays played stream streams streamed streaming scrobble scrobbles 播放",
    "watch": "watches watched 观看",
    "listen": "listens listened 收听",
    "read": "reads reading 阅读",
    "download": "downloads downloaded install installs installed 下载 安装",
    "share": "shares shared repost reposts reposted retweet retweets retweeted forward forwarded 分享 转发",
    "follow": "follows followed 关注",
    "unfollow": "unfollows unfollowed 取消关注 取关",
    "subscribe": "subscribes subscribed subscription 订阅",
    "unsubscribe": "unsubscribes unsubscribed 退订",
    "post": "posts posted 发帖 发布",
    "message": "messages msg dm 消息 私信",
    "skip": "skips skipped 跳过",
    "return": "returns returned 退货",
    "refund": "refunds refunded 退款",
    "cancel": "cancels cancelled canceled cancellation 取消",
    "booking": "bookings booked reservation reservations reserved 预订 预定",
    "attend": "attends attended checkin checkedin 签到",
    "friend": "friends friended addfriend 加好友",
}
_BY_NAME = {name: kind for kind, names in _NAMES.items() for name in names.split()}
_JOINT = re.compile(r"[\s_.:-]+")


@lru_cache(4_096)
def reading(kind: str) -> str:
    """The kind as which limner reads a kind: itself where it is known, or where nothing is known of it."""
    return kind if kind in KNOWN_KINDS else _BY_NAME.get(_JOINT.sub("", kind.casefold()), kind)
