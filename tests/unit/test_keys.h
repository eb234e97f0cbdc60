/* SPDX-License-Identifier: Apache-2.0 */
/* Keys that tests use, made for them and used for nothing else, so that tests
 * need not wait for RSA keys to be generated. */
#ifndef SR_TESTS_KEYS_H
#define SR_TESTS_KEYS_H

#define PEM_RSA2048 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIEvAIBADANBgkqhkiG9w0BAQEFAASCBKYwggSiAgEAAoIBAQDKAWh9A8Zww+tb\n" \
	"YdYJHvlPvaLSlDq2xEhLI2N47gJRiP2FMEt7KNIjspKka3XlaDm5xjqMwwrrAq6S\n" \
	"5E9MGVuhtiEtjZ03mEaHSYEI4T17BAkyvLrhr1wYGw8C2MJ2zwkSa5ZGXjnFr/SZ\n" \
	"gHBaikf1AS2vr6jTJ8e8fOt8RCvRDuOxIBZHkslOUR0TxRiD39pn3+DzHKGQBa5E\n" \
	"roEJ+UOV7zmxHa4j0//wA9khBdTgjwb2iXrUKVlqGjR4d4zwwpORspw86ZG4Wi0Z\n" \
	"9WpaZa4yefzA1Y6jtN5bjf+yBCx6raNdvGLfIsUgRbNiDphg0qv0Wf+MgeROhYKB\n" \
	"3UWj0ibFAgMBAAECggEACvUmmNlykz1db/iPprECbxvnUCrwQGfHUCQcSjwG7itT\n" \
	"LT1gas7dD0ipgbe+jnIn53bkSCxwVC0yEQ/HaWZavRvnEtSCubhN4xrOoA+vyRN/\n" \
	"+Duam5FqmnglSU8+xTkX0eL6JNkJozqXNxhrf83Od3DX7JbHvqSCxiu0jmoYQl/G\n" \
	"qOhYxQGqX96nEddx6Dvhgw3XLvmImoP9DcghrUS8C2uMJLxhKb7aJrPi+90RcmVb\n" \
	"xZ4BSDw3s+tWAK/ZpQ1MDmtxLkx/otHlCPm0Uuf86RCjLuFAfI5NoRzYafPIjN6p\n" \
	"M1DdQ6aV0RWq0PgQm4u5Ud1S8+xg3lSOK4EVsZrnAQKBgQDz1TYtSw/wEC3W1rD3\n" \
	"D2o1ecUPIhbKa0dxwnWqsRJVOLZp9lMT3I8bYVglLPbBc2F7LUkFl2c2Y416gHcL\n" \
	"f0PAn3q+S33N7mmmKLnQ7Whk6N/JdDqQex3XBrjpIjdplV0ZGE+0RfbjSEh7L3fE\n" \
	"7ZVsvqGS1mYCQwWvooQPVxr2hQKBgQDUFeHeOzOb2cCNIlNNehd4yrjLkJfWa3zP\n" \
	"I9+58i81NksPzJzPjsZyz8QjKB6JNBZGOZr7vK+01qjRAr4D702h7UkbPkexHW80\n" \
	"kh/s6jHLsjH7dAlJo+NrUzbE/M+Il3SKarjBknw2jX6hgRcJV7UC5OCevcpPKbap\n" \
	"B5Wdg54DQQKBgCGeaBXen5ft4yQX/dZSncY5v93SSWonWHZq5WZfe7OcWipJ+DJo\n" \
	"2qJfzZNym6MYkXw2RjcrJOPu3fbh94fySBkq4/WQ2wulr5NlUhloYlhnc1OHXvvE\n" \
	"vdyD5MLgINvB6FApdfPZIa08riGt7cmNKGkR750bSn1NWF9a/PJQhDsxAoGAVtGO\n" \
	"YLbDba06EYxXpYOxUBVMiKhsP65IrVL2JtxpTtMm7xTHrH+55Q4AMJQfy/Kym5TB\n" \
	"SQP4uYKWINmKh3nSwdKs9qYMGwj9mPuobgeA0u3jYBgkJS0dz7WE2ibTngrB/lep\n" \
	"wjQA/SP3Do4VrBFnXAPtn43532YoDBG6wXw7lwECgYAEl6OQxB6xF6UUlO7Y5uxH\n" \
	"aImvuzqBiQfXWqYtLjsbyWEMvTda6+mc0iIAWqgl7whJKS9LFdsBoPsGN+dRVCtB\n" \
	"sIBMEeAx9zespATcxIBwHryCeaXykzLjhMzX1wNIqPW+9n6uxgopdT5FuIb3pQSV\n" \
	"nqvhTBfUoEOI5ctcGqxfPA==\n" \
	"-----END PRIVATE KEY-----\n"

#define PEM_RSA2048B \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQDKyu/H2+4fd70R\n" \
	"siEPtohy+wN2xcaDunNNC2N1qAG5AzSLRJX16ciA5tPcBK0zP3wFAulqMxm0DA6T\n" \
	"NGXxm7eYmr8ZlrJ3psjMen+5cikZsmOTHcI6lQXuQI/27/yyRZaSH9xQdBZaStNM\n" \
	"O6Gm81UrE+K+bUNkzQ91DxeYNRvcORWyazWJr8o8OWYJDQuJPJ15Vh4MEU83iCIe\n" \
	"gaDCPuzloizf2/oT2pi2OqpP3rub2vjSbRJRu/k5UAemEeohRp2JP6ycXQCt6Unn\n" \
	"i2+U1H703E24pXN7V3L40p7HVGFXksgro57BIiz9kD8hOdudS49Uu62Fq+VZDAMc\n" \
	"3iZNYUYtAgMBAAECggEAFeNzH6GZsWxRbEJLhsBnOG/nBxAgVfIPRWrcBKRKcU+L\n" \
	"AZg4znb6JQ2lIuufTTeGOZ0/l+6lkNU3UoS2ly49Uhur0kV9hGQsasOzGw9bJ9Kl\n" \
	"JEkzQHL61aVC1L7BCfXwY1vMgiORkRPf/Cu4jkZX9EMcd3zgKBZpG3OyUoOy+uE+\n" \
	"Skm5BTaoOT6C5AndJY/W9WETQM/uGbYpNkLYPRiMQp07zI3qhohGm/16Kmvm9C+O\n" \
	"VGqHDsvZ54OnOZdcztUwiAebP1FmULIKe1qJcmIsGkRhbScK1VUBJLlGR1mJgc9H\n" \
	"JBZWSN2foEuF+dutA/sTZFmd5jrwq0EpOnTjcy0twQKBgQDj7W9mul1aX4L1Lwen\n" \
	"92ygcravjQ9C/YT//4nW+8NOmnpioC5o7uShNIloN45S2zie/6Lo8ldbreJynL1V\n" \
	"9obRF72qubZATFfL4qHeSRJNeCpiQ0xn5cWWDw7MhVzUiThiEGO2sWkzgbvCGEHe\n" \
	"p+JRt0TmBBIWqNyvG4w2EtbAwQKBgQDjxQBSCaCAWa/Se1ajXc7GeGmTbqcIYFQA\n" \
	"v1esiSzrRe9rAQQaj2mI76Tbf+WZN4laGtlz8JK0kQIf/2uQK4JhOzDEwP+OqVat\n" \
	"Rz06cUY+Gf79G+MOjm/ojuBZHaE0ncHufB0DyOba2gle2QLiy+pxr7QYMEvidYbd\n" \
	"GSNUMUo0bQKBgDNdQZqj6v+/wHJii9YlYxxxXYwIPOU63qsWOkjxaZ0gIO5y7KKH\n" \
	"G4zcmw6aXn97mbHzKBJY8qjdccekXOKvcMhUElEUEudAjRSMWTAPxYkhyGNmiSRs\n" \
	"2m8rq4kZkMbwuX0X9nCoYG3UEaz27Hkx2kXSCDvRtQXYPgtUKO/SpQTBAoGAExZL\n" \
	"NJTB8n+RkF3toLsXvOISVtyK+tS3tWhTfI3ySbUOnzTylxc1jNgoRIyvPOu+guKF\n" \
	"HoYmhSMxvmS1Ktu6jVNcfuB9igL+1H6HzwH3FPUwvR09Jdch4ac3fcBR5griWY3l\n" \
	"EJAhaG2lI2GkMEVOXECRIwXJFi0rJBQbNc77nPECgYEAmVl3PkpON+EsWWCokwdz\n" \
	"Y2H2gPPRwn6y7xyI2DoIgUkn2LICnDbwL02l9x0Tl2rLRCkac0Xv1rhWqn6Wzosc\n" \
	"XfYmOi24+Ghu4X6Q/r8uw3Ef5PR7hEVYfOmHttP/Scy6O027fdS/UwmmfzVg7D4w\n" \
	"2uKl39jNrSe2CtaPB57WeyI=\n" \
	"-----END PRIVATE KEY-----\n"

#define PEM_RSA3072 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIG/QIBADANBgkqhkiG9w0BAQEFAASCBucwggbjAgEAAoIBgQC9LQF/kGlKb5jW\n" \
	"M8O8T7fx57mXcOvVXz5RhjlABj6ByMDSpUVRjVTf61p0DmyJdAR//fJfYDGDjB9j\n" \
	"XE3xBXDynx1MfXZ/vmF6ymYbxSbxt/PcPDxx1tGXbKeEf5FxqsqZbFe7i8f97LPV\n" \
	"tAi2s+IJrHbwpOU9UdxVqM5qDSmFVbdTKXCsdzRqBRdmHkigh4Fgj2flmlMTasgf\n" \
	"uCZ19EakFU138xrGF9VgdtLaNyKCn9GooNMgBEVAkj4b9rjqdPrPt20ndO2l940f\n" \
	"Q3J7+1r/UVtZDwZz5x+DyVEk9ulOOzR7ekRokPn+jKm7BSygTunDKQViYzkLGZFu\n" \
	"X5rSUQJXnZTA28K0Lh6W8G6F7kZ6fzwzjkXWImr6RlXw021NTa56w+9i3gB8+R3C\n" \
	"JtrgLztXft7L9XLsmhJ7O69qTa4Bh5U1zd0Gkf4RVyy/PUHVZjVJaZPCnrbreIPd\n" \
	"vQsa7ERS9gHNyUMqi4wqOM5bjUNHs8VcPsssXSXDL6w7jAwM8DcCAwEAAQKCAYAF\n" \
	"zknLe8fKIbP+bvGaPUAXS9X6+zDhst3wwT554+HV4y63yEa2WAYQ0TeiHtyJ42ZN\n" \
	"SffpoW7OQLtTNf6rtPpgbS2zA+63wO9bm2FC3OwduFg4Rsj8HWxVSgpiG0rVbY5w\n" \
	"4vhWUys8ycpDIWwFtMOX1GkvaCrOP6Lpe210/RkXHyhUhGMRh/Rd2fDRO4CzHIrb\n" \
	"RyDDKoH+MzrCbnO6ZFgpVQC0UQuzT1accp50qq3ZIG/eIwFtFsnL+jEEdAVSJ2uK\n" \
	"+CRpJ9rLM21SwLr/f/d4UH4ahRdmL4Mz2r23SLpX3cXXbeY5kqXE2FJbs0LdNrCa\n" \
	"/HQDNGiKgyPENyvFAWYuSZ+JOjld83LCKjgmHa6pCA9Dd7ddEia1bkPGtZ2BQNQw\n" \
	"ay33MdTMj2wUeSmfEDMitCHWVMF6GbGVJntQWo7OFu8WeslFrY55h711/lW0wD2v\n" \
	"B9pr0oFuTHagFpaBMCLb6tuAy9HxDagNYQ8SpjsTOOfBKvNo9usKold0ekMXksEC\n" \
	"gcEA4UdeQadNQKYZ2IXGwBTnRXDtq3FnHRTZddbRFg58MTcty90QDf6LHbImBoQu\n" \
	"J2UfHpCl8aXLz+oPHpoHrezm8JTlO4DZ4+GCEmkb29PsrWajQqbZ3dx5pq/8B3xl\n" \
	"h6aHAR8uM1i11YcUkhJsGGmpAY7MPcTwv6Y1T1ipcjghowBz5hEsFO/bqHfbi/6w\n" \
	"XgmR5Sq3CTy+4ybCjS/brMoX4mrQH9/0B2Y5+eDF72ute9fTHIxfVI4zXcy1e90m\n" \
	"NlAxAoHBANb5QjzpuBrf2dcRc7O3Z7nhpeQxh9eYpt3tjHGI7gN12bsaJsJ9eTXH\n" \
	"him7z1GZNGkQT97+oDH6L6mYmtddrU3F2CRQe1Tnoah3amFn5Fv7HbXkQuLITd5z\n" \
	"qaI55g9Y6AQ0BYd0JvdZLW7h2T3TCbFqyQOifWZVZlr4xXWupPqa1fPF4whaaiQz\n" \
	"BnqhoRxSZo9o2V8RB6C6WHOcYh2cnBlEPwuW/j8dCNROpD+sGXjgO/nxel0R5Qvc\n" \
	"YF7nCkLU5wKBwBYdzZEgfaMVK4BoUcTVyIa2uX6VWYwvWdIJzukdbu/d/O8AuuzE\n" \
	"yp+Vt8n3/Bf+A3oatU/t+P5meimE8bAPi/SeiYq38aw/nWd1Tjjcq2Wyp+CJROZV\n" \
	"GNRWfqW1fro8jRB9ISoFUYSvCEP27wnOhbsTa9W8me4WwTETAT+nZxX7m2VA1lUP\n" \
	"3z7A1Zr+3A2/XsVi1ilf/1WJnpwB0M074fBmkBww/mIjlRmFCamhppx76cvptAo3\n" \
	"E6/nwwFwCqpWYQKBwHfna4SiL+f9d3m36DsTTy2kqGzRG52rLVeXicBByc/wSdNM\n" \
	"UNYmOhc/BJv+fzJaK5t2V7Zfe2akzzTfQ25gd6trcJVAtqmy0L4wbQuLcRnExNuR\n" \
	"R6VKZ/Rtuu4bMTDaO/8sLPFSXfGUsfyoyAztyvhEQX5fgWY0t/SB0VFEagzFlBR2\n" \
	"CZ29IHq0Yya/RCeR5laS+rtFumVxyqghT7CIi6CkKi4CuCjnvub8Piythz+egpV0\n" \
	"lPWYZ5LoBnComVaRfQKBwQCm3odiYBkSrKYqpQO2NZx7RZXAkPoueHxsmZ4ZUaIw\n" \
	"HElcTndQyTq7aKHayc/YuGZfHVAT9AptpviUPIf5OXT1PzdMWdY/3bQ+HZ4fOSAt\n" \
	"ua8WKEdy3mW+9DmiFMUctIGK4H+YYaPQKa6H/JtZoux14MwoQZrFDh3+6BOnnIeC\n" \
	"CSWCQAILPVu8Mpps9KtJQI9NAusocyY0uUNyhh0dklxukgixqYunk1LlOiep6WkQ\n" \
	"bQovvuEgPjVgu4VvcMRrXgo=\n" \
	"-----END PRIVATE KEY-----\n"

#define PEM_RSA4096 \
	"-----BEGIN PRIVATE KEY-----\n" \
	"MIIJQQIBADANBgkqhkiG9w0BAQEFAASCCSswggknAgEAAoICAQDfH3WC2txKp1XJ\n" \
	"M8Kuovwj+h4u0E7+/5ym5IRngYLtEkVyGZOzYPhOaQ+6xg0QzdYNV5Cs+d/03CWa\n" \
	"mE3AsxQtyjnKNKXLj92oVMtkU+CJsTaZck7zDYv7Wsk8RBIZtsHpSx+xi35/ovbT\n" \
	"PtFofbgrY/9H5Vi3WRsC6Wxu0GIVvGQrPQTZUY3ST6EptOfSX2OyrfY7v7szqWcm\n" \
	"9VEvYH0ZMkR4McwSchXTDooI9tpLoFLWUz4anL7M1ohqg+oA9cQHuwsxq/efq6uP\n" \
	"TvD6eE9yuRJ0WFyOmU/os+6H4v+ypjgTi+K1mnyYbiS67s1exscRVcfYBwplpCpq\n" \
	"YJhMsM80tE6NyTx+J271GVqDQeSUNbTjI+8sC3jCIE3tpnwT6DFSNizh9Wc9lIME\n" \
	"MgZg6EABHf3mCyMT8ajsLaUkQkkWiJ5THzWdii3s7+/qUUzPGWEzjUcAIr3H4Joc\n" \
	"yGCqMMz7VYy89PGPeoJI4iHFSwI64qKhRrevBL659Qxsc8POfYedwb01Ldleke43\n" \
	"zDlU5DyHDzEMnFN9KR33ICu71sIMtvxuCm4V5BOBaGH7P+kWkz3425r7PJvL85V2\n" \
	"nIEp3vybO2/CrKSZyuB6kMYC3sg98Okv/k/qXTsPLsI/dHPxJOTtXR6rE8KWp8xQ\n" \
	"vO4T7buwqqAKTdqD4LI83zQyvwq4hwIDAQABAoICAGR2cT5Iljzk6GruK9/fEgGO\n" \
	"+m0grRkC9cFtjjJerZlaCzvLSWZQqK0BgCwcRcDFtXYPcdx4q/6/6wyXPBciatkN\n" \
	"P4UMvIQSFH9ZIrVbUPQef1OLFQI6HMfBwm8oxS+fyuLkyPHzubL1qQZHuBlA1h5v\n" \
	"aX+xRAdWDyP5/zFMEYXw6/dOA7NoFZ/W691wD5t5CNZonsCbXUpvIbt4ZKQc4Wbp\n" \
	"a8vkvBqoFKyR1NQhdfvsRbAsDgAEiKKJjCXNnJzvC+NhNDKa2CWkMdyWckmMx1UE\n" \
	"AMuzB4XLgR/peGLl8jS5w/EFIMCdPTGTEmW65WyhuvtSsOdTkDpgtxprwNdzGvAs\n" \
	"Nt6B4EhZnmlILyje3/H2qGhRIQgLdRBheMCyYClww12Lk6d9hYtsVA2CAF8bOiK1\n" \
	"MmTE9dY/qoVTy1FwlCKlnbFFdEv916jLs1of7nMZ8OGhHdSyFsvIhUvT6iRZKN4j\n" \
	"Kk0ABjWDl+BCFT11mUEt51eBt5TM0+VwtZSCtDbAymj57b0z18dHtCtFeFK69gXC\n" \
	"eOjFEPKA9JVPLMey4MxuMXhn3O9SBtHwrRl3++wQIRVAQEtUvs63Pa1L87SlpB06\n" \
	"spCsbAzawFNyoQlZhdel+QKffbwsKqSIybJGw63i1Cig4kYAqj4cQYEMvgj4l3F5\n" \
	"YuZ4PhxvKGdNJM9a+ZjpAoIBAQD6JroZ7IYMs3jH1YAzZZ9FamXxpe5VI7+jPHIf\n" \
	"VsZ8rRqFebvca8DBrzvYpUVJaThnvafvi5qwDKaNgCkojIqhPZvWUIey0fWJfIWM\n" \
	"cT0uKpHCqEzojgtWr+1k64/vyGLovo1JZQoaAE/aZqOisfGbpvLHulgr5D9JnuYx\n" \
	"5hTAtt3ji8CBxkXU/W9Xwi27aJK4o7sNZCOQHFpK2pR735SEiesF9tOJ00os4VAE\n" \
	"1wIhXb+uVnb9Mqhgttxp0Z+lOU99mdlYn/BXz6eTuC4w3MDZK7WT/jtCO9T65Ccf\n" \
	"lzh0BwIfl9C4fq5UIeD1A381oPrTnaBtPTKTbaDdggWIm1hfAoIBAQDkVvRWTunC\n" \
	"qT3yAe30CHOJ8F5XgVJ1r5Zbcx+Z/6yXKzRfU5ehw4kgX4YsFfSqsSIQ+4C6WyxK\n" \
	"t6OHyW038IK1wWnnFBFZuWMQXxptK3ZK8EuIBeaXUVMcmVBQfSEhiYJ4shf3RnZB\n" \
	"4l8bKOJqK12Jlr5MQ22d28qLMsN7X7OluEy5Zg7s8yyXjdgI7Ylhcjkw4+6uD4bV\n" \
	"GJ4fqR/CHk5NpVCAbBwQTwH5SWnflroypdanw8xIuhlHpCNWsXXwe7hVgHscYExo\n" \
	"JWV076PtVN9Uu0zAgbkVRdS1fFbecmFv88pF8ECO8WE4Lk9MPy/C++77eTd3pR+8\n" \
	"jux+K65NFTDZAoIBAAyAIO6oti4uTcvWrHhlDKeAYKXJv/Y7OhljLOTKBlM2p0ui\n" \
	"QLQMIm7LXfc+kw7PFkWA4cKDvHAtwajyjZv8IfVayc3U6mMSQO3k7huNkRwcfno2\n" \
	"xNkeOAzV78wKRYAbCG5PD2pqhS21dEgatvSrZcJ8fkdi1YMj/dGlAiXeNI1I1h/H\n" \
	"3Q/fI6A4JfdBud1SpXpanD9YELrj39M7xw3Fp3tUFQ2QPxP1HhDOFZyYTf/y2mBQ\n" \
	"69NNU8K5gJw9IHg2O/Wv2X+nRnBs7RfhrVU9wtlXaNSDcNyndsYu3pGikeyiaQXB\n" \
	"JWoC0p1bsA0uZo38hGxMxTaQR1W8tbw8AiDIeosCggEAKzsrV4vpRim0yLUE0Ecp\n" \
	"WNxhgD/D1PRBi17ohMebbaOIbuPsuXvD4pUzWfVuNUMEKCL15FKOuDa8h2DjhMvM\n" \
	"c40C9/Ucs9gdoWPgJPstklKcekxjtBJ5odiFFDgcpbTbNu7BCtgUW7T4PLQo6eD7\n" \
	"/KjFrrq1bkXGu0QJLrqX0LBsFk30VXhU4PzCAi626/QsT81Xyyy1YnMevO/QS3hh\n" \
	"auH5s9bEGXJb9U6o9OQcrKopUeoIK1zQnHe/GRLQOY+y/r0skdrJnI43/0O/zZdc\n" \
	"ETbE+U2WNSjbdODtsYAGYqPNkCBEmMuqlHBwIwdzi38XaBUzIzvoHlMRA3JRtdZl\n" \
	"QQKCAQAn8/7fsg5mNCbHeBgqbkH5gh5DPmzQQI6Fr1WTyKFUTBahpHJKosBGFAv5\n" \
	"/iXmoUQ1eYsZ2yaMC6yLZCmp2GmgqiCEA9xmWjleJwUjJO+0f3YRvf5jJ6nPy1ou\n" \
	"RPJYcNt42U8SdqyjaabLvIs+E/Ej+fDc/dfwUMI5f9J0cZaNgy9DrTOX7+Vyggw2\n" \
	"b2frE6oJKmPpoUBcobiZ+GSZ4FsWcfuewjV34EMLCDKmr3Z9qt+mkWgbzvsCs3sP\n" \
	"qaGZ08HH5pOSU6fjEvElsITTaVl/Oa+Rk5+OMooi+G76uh76uDjJ+tONyY9z/0kI\n" \
	"O9rKvb5Eieu68lu1z833Lqnps7iz\n" \
	"-----END PRIVATE KEY-----\n"

#endif
