# SPNet+ST, VOC 15-5 with background (Table 2: seen 72.7, unseen 4.0, harmonic 7.6).
_base_ = './deeplabv2_r101_voc_15-5_st.py'
protocol = dict(background='seen')
